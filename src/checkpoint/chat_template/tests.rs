use super::*;

/// The shape of Qwen's template, in our own words.
const MARKED: &str = "{%- if messages[0]['role'] != 'system' %}
    {{- '<|im_start|>system\\nBe brief.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}";

#[test]
fn frames_are_what_stands_between_messages() {
    let found = frames(MARKED, "", "", "<|im_end|>").unwrap();
    let turn = "<|im_end|>\n<|im_start|>assistant\n".to_owned();
    let system = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n";
    assert_eq!(found.opening, [system.to_owned(), turn.clone()]);
    assert_eq!(found.reply, ["\n<|im_start|>user\n".to_owned(), turn]);
}

#[test]
fn the_bracketed_form_of_llama_2() {
    let template = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content.strip() }} [/INST]{% else %} {{ m.content }} {{ eos_token }}{{ bos_token }}{% endif %}{% endfor %}";
    let found = frames(template, "<s>", "</s>", "</s>").unwrap();
    assert_eq!(
        found.opening,
        ["<s>[INST] ".to_owned(), " [/INST]".to_owned()]
    );
    assert_eq!(
        found.reply,
        ["<s>[INST] ".to_owned(), " [/INST]".to_owned()]
    );
}

#[test]
fn a_template_that_cannot_be_appended_to_is_refused() {
    let cases = [
        ("{% for %}", "it doesn't parse"),
        ("{{ raise_exception('no tools') }}", "no tools"),
        (
            "{{ messages|length }}{{ messages[0].content }}{{ messages[-1].content }}",
            "exactly once",
        ),
        (
            "{% for m in messages %}{{ m.content }};{% endfor %}",
            "expected \"</s>\" after an answer",
        ),
        (
            "{{ messages|length }}{% for m in messages %}{{ m.content }}</s>{% endfor %}",
            "start like a shorter one",
        ),
    ];
    for (template, expected) in cases {
        let reason = frames(template, "<s>", "</s>", "</s>").unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_template_that_would_not_end_or_not_fit_is_refused() {
    let body = "x".repeat(36);
    let cases = [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
            .to_owned(),
        format!(
            "{{% for a in range(100000) %}}{{% for b in range(100000) %}}{body}{{% endfor %}}{{% endfor %}}"
        ),
        format!(
            "{{% set x %}}{{% for a in range(100000) %}}{}{{% endfor %}}{{% endset %}}{{{{ x }}}}",
            "x".repeat(100_000)
        ),
        format!(
            "{{% for a in range(20) %}}{}{{% endfor %}}",
            "x".repeat(100_000)
        ),
        "{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}".to_owned(),
        "{{ 'x' * 4000000000 }}".to_owned(),
        "x".repeat(LONGEST + 1),
    ];
    for template in cases {
        let reason = frames(&template, "<s>", "</s>", "</s>").unwrap_err();
        let start: String = template.chars().take(60).collect();
        assert!(reason.len() < 2000, "{start}: {} bytes", reason.len());
    }
}

#[test]
fn no_depth_of_a_template_overflows_the_stack() {
    for (open, inner, close) in [
        ("not ", "1", ""),
        ("-", "1", ""),
        ("2**", "1", ""),
        ("1+", "1", ""),
        ("1~", "1", ""),
        ("1 if 1 else ", "1", ""),
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("", "messages", ".a"),
        ("", "messages", "[0]"),
        ("", "1", "|abs"),
        ("1 is not ", "none", ""),
        ("1 == ", "1", ""),
        ("1 and ", "1", ""),
    ] {
        // Refused for its length or its operators, or run to its end: either is an answer.
        for count in [
            200_000,
            LONGEST / (open.len() + close.len()) - 10,
            8_000,
            300,
        ] {
            let template = format!(
                "{{{{ {}{inner}{} }}}}",
                open.repeat(count),
                close.repeat(count)
            );
            let reason = frames(&template, "<s>", "</s>", "</s>").unwrap_err();
            assert!(reason.len() < 2000, "{open:?} {count}");
        }
    }
    for count in [8_000, 900] {
        let elifs = "{% elif 0 %}".repeat(count);
        frames(&format!("{{% if 0 %}}{elifs}{{% endif %}}"), "", "", "").unwrap_err();
        let ifs = "{% if 1 %}".repeat(count);
        frames(&format!("{ifs}{}", "{% endif %}".repeat(count)), "", "", "").unwrap_err();
    }
}

/// Qwen3-Thinking and the distilled R1 open a thought, and leave it out of what was said before.
#[test]
fn a_template_may_open_a_thought_and_forget_earlier_ones() {
    let template = "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|User|>{{ m.content }}{% else %}<|Assistant|>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}<|Assistant|><think>\n{% endif %}";
    let found = frames(template, "<s>", "</s>", "</s>").unwrap();
    assert_eq!(found.begun(), "<think>\n");
    assert_eq!(found.opening[1], "<|Assistant|><think>\n");
    assert_eq!(
        found.reply,
        ["<|User|>".to_owned(), "<|Assistant|><think>\n".to_owned()]
    );
    assert_eq!(frames(MARKED, "", "", "<|im_end|>").unwrap().begun(), "");
    // A thought that the template closes again is over.
    let closed = template
        .replace("<think>\\n", "<think>\\n\\n</think>\\n\\n")
        .replace("<think>\n", "<think>\n\n</think>\n\n");
    let refused = frames(&closed, "<s>", "</s>", "</s>");
    assert!(refused.map_or(true, |found| found.begun().is_empty()));
}

#[test]
fn templates_run_as_transformers_runs_them() {
    let chat = "{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content }}</u>{% else %}BODY{% endif %}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}";
    let plain = frames(
        &chat.replace("BODY", "<a>{{ m.content }}</s>"),
        "",
        "",
        "</s>",
    )
    .unwrap();
    for body in [
        // Marks what a loss is about; says nothing.
        "<a>{% generation %}{{ m.content }}</s>{% endgeneration %}",
        "<a>{%- generation -%}  {{ m.content }}</s>{%- endgeneration %}",
        "{% generation %}{% set x = 1 %}<a>{{ m.content }}</s>{% endgeneration %}{{ x }}",
        "<a>{{ m.content }}</s>{% continue %}never",
        "<a>{{ m.content }}</s>{% for x in range(9) %}{% break %}never{% endfor %}",
        "<a>{{ m.content }}</s>{% if tools is defined and tools is none and not documents %}{% else %}never{% endif %}",
        "<a>{{ m.content }}</s>{# {% generation %} #}",
        "<a>{{ m.content }}</s>{% if '{% generation %}'|length != 16 %}never{% endif %}",
    ] {
        let found = frames(&chat.replace("BODY", body), "", "", "</s>");
        assert_eq!(found.as_ref(), Ok(&plain), "{body}");
    }
    let raw = format!(
        "{{% raw %}}{{% generation %}}{{% endraw %}}{}",
        chat.replace("BODY", "<a>{{ m.content }}</s>")
    );
    let found = frames(&raw, "", "", "</s>").unwrap();
    assert!(found.opening[0].starts_with("{% generation %}"));
}

#[test]
fn a_template_may_say_what_day_it_is() {
    let chat = "{{ strftime_now('%Y-%m-%d %d %B %Y') }}|{% for m in messages %}{{ m.content }}</s>{% endfor %}";
    let found = frames(chat, "", "", "</s>").unwrap();
    let (day, _) = found.opening[0].split_once('|').unwrap();
    assert!(day.len() > 20 && day.starts_with("20"), "{day}");
    let reason = frames(&chat.replace("%Y-", "%!"), "", "", "</s>").unwrap_err();
    assert!(reason.contains("strftime_now"), "{reason}");
}
