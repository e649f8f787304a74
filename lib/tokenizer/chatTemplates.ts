// Chat templates by name: Jinja texts for published prompt formats, for the Jinja that transformers applies
// (trim_blocks and lstrip_blocks on). They are data here: nothing in this library's merging runs them.

/** The turn formats of well-known families, from their public descriptions. */
export const CHAT_TEMPLATES = {
  // Stanford Alpaca: sections under headings, an optional system text first.
  alpaca: `{%- for message in messages %}
    {%- if message['role'] == 'system' %}
        {{- message['content'] + '\\n\\n' }}
    {%- elif message['role'] == 'user' %}
        {{- '### Instruction:\\n' + message['content'] + '\\n\\n' }}
    {%- elif message['role'] == 'assistant' %}
        {{- '### Response:\\n' + message['content'] + eos_token + '\\n\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '### Response:\\n' }}
{%- endif %}
`,
  // OpenAI's ChatML: every turn between <|im_start|> and <|im_end|>.
  chatml: `{%- for message in messages %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
`,
  // LG EXAONE 3: [|role|] before each turn, [|endofturn|] after those of system and assistant; a system turn always first.
  exaone: `{%- for message in messages %}
    {%- if loop.first and message['role'] != 'system' %}
        {{- '[|system|][|endofturn|]\\n' }}
    {%- endif %}
    {{- '[|' + message['role'] + '|]' + message['content'] }}
    {%- if message['role'] != 'user' %}
        {{- '[|endofturn|]' }}
    {%- endif %}
    {%- if not loop.last or add_generation_prompt %}
        {{- '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '[|assistant|]' }}
{%- endif %}
`,
  // Meta Llama 3: a header with the role, a blank line, the text, <|eot_id|>.
  llama3: `{{- bos_token }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
`,
  // Mistral Instruct: [INST] user [/INST] assistant </s>; a system text goes before the first user turn's text.
  mistral: `{%- set system = namespace(text='') %}
{{- bos_token }}
{%- for message in messages %}
    {%- if message['role'] == 'system' %}
        {%- set system.text = message['content'] + '\\n\\n' %}
    {%- elif message['role'] == 'user' %}
        {{- '[INST] ' + system.text + message['content'] + ' [/INST]' }}
        {%- set system.text = '' %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('a turn must be of system, user or assistant') }}
    {%- endif %}
{%- endfor %}
`,
} as const satisfies Record<string, string>;
