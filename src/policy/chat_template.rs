//! A model's chat template (Jinja) → the ids around what the environment says, so that an episode is built by
//! appending ids and never by rendering text again. The template is run once, when a policy is loaded, on
//! stand-ins for the messages; what stands between them is kept.
//!
//! A message's own text is encoded apart from the template's, with special spellings as plain text: no statement,
//! program or test can forge a speaker.

use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::json;

/// The text a template puts around messages from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Around the first message: what comes before it, and what comes between it and the policy's answer.
    pub opening: [String; 2],
    /// Around later messages: what comes before, after the token that ended the policy's answer, and what follows.
    pub reply: [String; 2],
}

/// Stand-ins for the messages: letters only, so that no filter of a template changes them.
const STAND_INS: [&str; 3] = ["RLEFSTANDINONE", "RLEFSTANDINTWO", "RLEFSTANDINTHREE"];

/// Runs `template` and cuts its result at the messages.
///
/// `begin` and `close` are the tokenizer's `bos_token` and `eos_token`; `end` is the text of the token that ends an
/// answer. An error says what in the template stands in the way.
pub fn frames(template: &str, begin: &str, close: &str, end: &str) -> Result<Frames, String> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_unknown_method_callback(unknown_method_callback);
    environment.add_function("raise_exception", |message: String| {
        Err::<String, Error>(Error::new(ErrorKind::InvalidOperation, message))
    });
    environment
        .add_template("chat", template)
        .map_err(|error| format!("it doesn't parse: {error:#}"))?;
    let render = |messages: serde_json::Value| {
        environment
            .get_template("chat")
            .and_then(|chat| {
                chat.render(context! {
                    messages => messages,
                    bos_token => begin,
                    eos_token => close,
                    add_generation_prompt => true,
                })
            })
            .map_err(|error| format!("it doesn't run: {error:#}"))
    };
    let [first, answer, second] = STAND_INS;
    let opened = render(json!([{"role": "user", "content": first}]))?;
    let replied = render(json!([
        {"role": "user", "content": first},
        {"role": "assistant", "content": answer},
        {"role": "user", "content": second},
    ]))?;
    let (before, after) = split(&opened, first)?;
    let (start, rest) = split(&replied, answer)?;
    if !start.starts_with(&opened) {
        return Err(format!(
            "expected a longer conversation to start like a shorter one, found {start:?} after {opened:?}; ids of earlier turns could not be kept"
        ));
    }
    let (between, last) = split(rest, second)?;
    let between = between
        .trim_start()
        .strip_prefix(end)
        .ok_or_else(|| format!("expected {end:?} after an answer, found {between:?}"))?;
    let own = |text: &str| text.to_owned();
    Ok(Frames {
        opening: [own(before), own(after)],
        reply: [own(between), own(last)],
    })
}

fn split<'a>(text: &'a str, stand_in: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once(stand_in)
        .filter(|(_, rest)| !rest.contains(stand_in))
        .ok_or_else(|| {
            format!("expected every message's content exactly once in the result, found {text:?}")
        })
}

#[cfg(test)]
mod tests {
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
}
