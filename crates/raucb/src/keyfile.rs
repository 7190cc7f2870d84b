//! The key file syntax of GLib, in which manifests are written: `[section]`, `key=value`, `#` comments.
//!
//! Stricter than GLib on purpose: what appears twice is refused, since two readers of one signed text must
//! not read two things.

use std::collections::BTreeMap;

use crate::ManifestError;

/// Keys and values of one section, values unescaped.
pub(crate) type Section = BTreeMap<String, String>;

/// Splits `text` into its sections in the order of their names.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Section>, ManifestError> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (index, raw) in text.lines().enumerate() {
        let line = index.saturating_add(1);
        let trimmed = raw.trim_ascii_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if let Some(name) = section_name(trimmed) {
            if sections.insert(name.to_owned(), Section::new()).is_some() {
                return Err(ManifestError::Duplicate { line, name: name.to_owned() });
            }
            current = Some(name.to_owned());
            continue;
        }
        let (key, value) = trimmed.split_once('=').ok_or(ManifestError::Syntax { line })?;
        let key = key.trim_ascii_end();
        let value = unescape(value.trim_ascii_start()).ok_or(ManifestError::Syntax { line })?;
        let section = current.as_ref().and_then(|name| sections.get_mut(name));
        let section = section.filter(|_| !key.is_empty()).ok_or(ManifestError::Syntax { line })?;
        if section.insert(key.to_owned(), value).is_some() {
            return Err(ManifestError::Duplicate { line, name: key.to_owned() });
        }
    }
    Ok(sections)
}

fn section_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.trim_end().strip_suffix(']')?;
    (!name.is_empty() && !name.contains(['[', ']']) && !name.contains(char::is_control)).then_some(name)
}

fn unescape(value: &str) -> Option<String> {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        text.push(match character {
            '\\' => match rest.next()? {
                's' => ' ',
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            '\0' => return None,
            other => other,
        });
    }
    Some(text)
}

/// Appends `[name]` to `text`, with an empty line before it unless it is the first.
pub(crate) fn push_section(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push('[');
    text.push_str(name);
    text.push_str("]\n");
}

/// Appends `key=value` to `text`, escaped so that [`parse`] and GLib give `value` back.
pub(crate) fn push_key(text: &mut String, key: &str, value: &str) {
    text.push_str(key);
    text.push('=');
    let mut leading = true;
    for character in value.chars() {
        leading = leading && (character == ' ' || character == '\t');
        match character {
            ' ' if leading => text.push_str("\\s"),
            '\t' if leading => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\\' => text.push_str("\\\\"),
            other => text.push(other),
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_sections_comments_and_escapes() {
        let text =
            "# a comment\n\n[update]\ncompatible = Univa GW\n version=\\s1\\\\2\\n\n[meta.x]\r\nk=v\r\n";
        let sections = parse(text).unwrap();
        assert_eq!(sections["update"]["compatible"], "Univa GW");
        assert_eq!(sections["update"]["version"], " 1\\2\n");
        assert_eq!(sections["meta.x"]["k"], "v");
    }

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        for text in ["[a]\nk=1\nk=2\n", "[a]\nk=1\n[a]\nj=1\n"] {
            assert!(matches!(parse(text), Err(ManifestError::Duplicate { .. })), "{text:?}");
        }
        for text in ["k=1\n", "[a]\nnonsense\n", "[a]\n=1\n", "[a]\nk=\\q\n", "[a]\nk=\\\n", "[]\n"] {
            assert!(matches!(parse(text), Err(ManifestError::Syntax { .. })), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*|(\\[|\\]|=|\n|\\\\|a)*") {
            let _ = parse(&text);
        }

        #[test]
        fn gives_back_what_was_written(value in "[^\0\x0c]*") {
            let mut text = String::new();
            push_section(&mut text, "update");
            push_key(&mut text, "k", &value);
            prop_assert_eq!(&parse(&text).unwrap()["update"]["k"], &value);
        }
    }
}
