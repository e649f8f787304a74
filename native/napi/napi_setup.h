// The only place that includes napi.h, so that these settings always come first.
#pragma once

// Node 20 has Node-API 9; an addon built for 10 crashes there at load.
#define NAPI_VERSION 9
// C++ exceptions carry JS exceptions; an exception that cannot be thrown any more, because the
// environment is going away, is dropped instead of aborting the process.
#define NODE_ADDON_API_CPP_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_ADDON_API_DISABLE_DEPRECATED
// Native memory is never lent to JS: unmapping under a live view would be a crash.
#define NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED

#include <napi.h>
