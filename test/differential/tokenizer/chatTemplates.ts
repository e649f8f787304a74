// Chat templates that use what published ones use, each for another corner of Jinja. {{ date_string }} is left out: it is
// the one variable whose value is ours.

export const TEMPLATES: Readonly<Record<string, string>> = {
  // Turns that must alternate, a system text before the first one, white space cut on both sides of tags.
  alternating: `{%- if messages[0]['role'] == 'system' -%}
    {%- set intro = messages[0]['content'] | trim + '\\n\\n' -%}
    {%- set turns = messages[1:] -%}
{%- else -%}
    {%- set intro = '' -%}
    {%- set turns = messages -%}
{%- endif -%}
{{ bos_token }}
{%- for turn in turns -%}
    {%- if (turn['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('turns must alternate, and turn ' ~ loop.index ~ ' is of ' ~ turn.role) }}
    {%- endif -%}
    {%- set name = 'model' if turn['role'] == 'assistant' else turn['role'] -%}
    {{ '<turn>' + name + '\\n' + (intro if loop.first else '') + turn['content'] | trim + '<end>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ '<turn>model\\n' }}
{%- endif -%}
`,
  // A reasoning part that is cut out of earlier turns: namespaces, reversed lists, split and strip with characters.
  reasoning: `{%- set ns = namespace(open=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set at = messages|length - 1 - loop.index0 %}
    {%- if ns.open and message.role == "user" and message.content is string and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.open = false %}
        {%- set ns.last = at %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content %}
    {%- set thought = '' %}
    {%- if message.role == 'assistant' and '</think>' in content %}
        {%- set thought = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
        {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if loop.index0 > ns.last and (loop.last or thought) %}
        {{- '<think>\\n' ~ thought.strip('\\n') ~ '\\n</think>\\n\\n' }}
    {%- endif %}
    {{- content ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  // Variables that may not be there, tools that are none, filters over the messages.
  optional: `{%- if not tools is defined %}{% set tools = none %}{% endif %}
{%- set asked = messages | selectattr('role', 'equalto', 'user') | list %}
{{- bos_token }}
{%- if tools is not none or builtin_tools is defined %}{{ 'tools' }}{% endif %}
{%- for message in messages %}
    {%- if message['role'] == 'user' %}
        {{- '[INST] ' + message['content'] + ('!' if asked and message['content'] == asked[-1]['content'] else '') + '[/INST]' }}
    {%- elif message['role'] == 'assistant' and message.tool_calls is not defined %}
        {{- ' ' + message['content']|trim + eos_token }}
    {%- else %}
        {{- raise_exception('Only user and assistant turns, not ' + message['role']) }}
    {%- endif %}
{%- endfor %}
{{ asked | length }} {{ missing | default('nothing') }}{{ missing }}{{ '' | default('empty', true) }}`,
  // Lines of their own for tags, as older templates have them.
  lines:
    "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'system' %}\n  {{ '<|system|>\n' + message['content'] + eos_token }}  \n{% else %}\n{{ message['role'] }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}\n",
  // Macros, blocks, loops with conditions, breaks, arithmetic, printing of values.
  corners: `{%- macro turn(role, text, end='<E>') -%}
[{{ role | upper }}] {{ text }}{{ end }}
{%- endmacro -%}
{%- macro wrap(tag) -%}<{{ tag }}>{{ caller() }}</{{ tag }}>{%- endmacro -%}
{% for m in messages if m.role != 'system' -%}
{{ turn(m.role, m.content) }} {{ loop.index }}/{{ loop.length }} {{ loop.first }} {{ 'last' if loop.last else 'more' }}
{% else -%}
nobody
{% endfor -%}
{% call wrap('b') %}{{ messages | map(attribute='role') | join('|') }}{% endcall %}
{% set x %}block {{ messages | length }}{% endset %}{{ x }}
{%- for m in messages %}{% if loop.index0 == 1 %}{% continue %}{% endif %}{% if loop.index0 == 3 %}{% break %}{% endif %}{{ loop.index }}{% endfor %}
{{ (messages | first).role }} {{ (messages | last)['role'] }} {{ messages[-1].content | length }}
{{ messages[0].content[:5] }} {{ messages[0].content[::-1] }} {{ none }} {{ true }} {{ messages | length > 1 }}
{{ 7 // 2 }} {{ 7 % 3 }} {{ 2 ** 3 }} {{ 1.5 + 1 }} {{ 6 / 3 }} {{ -7 // 2 }} {{ [1, 2] + [3] | list }}
{{ messages[0] | tojson }} {{ {'a': [1, none, true]} | tojson(indent=2) }} {{ 'a' in 'abc' }} {{ 'x' not in ['x'] }}
{{ [3, 1, 2] | sort | join(',') }} {{ ' a  b '.split() | join('/') }} {{ 'aXbX'.replace('X', '-') }} {{ 'aXbX' | replace('X', '-') }}
{#- a comment -#}
{{ '  x ' | trim }}|{{ '|x|'.strip('|') }}|{{ 'xyx'.lstrip('xy') }}|{{ range(3) | join }}{{ range(5, 0, -2) | list | tojson }}
`,
};
