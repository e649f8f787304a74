// How each page begins: it loads nothing, and runs nothing.

/** @param title a template's text */
export const headOf = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${title}</title>
<style><%~ it.style %></style>
</head>
<body>
<a class="skip" href="#content">Skip to the results</a>
`;
