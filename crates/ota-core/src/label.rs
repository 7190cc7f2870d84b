//! Names that people give to files: shown, never used as a path.

/// Bytes of a name that is shown.
const LONGEST: usize = 120;
/// Of a file without a name.
const NAMELESS: &str = "image";

/// The last part of a path that somebody sent as a file's name, without what does not show as it is: control characters, and
/// those that turn the direction of text around or take no room. Never empty, and never longer than 120 bytes.
#[must_use]
pub fn file_label(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut label = String::new();
    for letter in last.chars().filter(|letter| is_shown(*letter)) {
        if label.len() + letter.len_utf8() > LONGEST {
            break;
        }
        label.push(letter);
    }
    let label = label.trim();
    let nothing = label.is_empty() || label.chars().all(|letter| letter == '.');
    if nothing { NAMELESS.to_owned() } else { label.to_owned() }
}

fn is_shown(letter: char) -> bool {
    let invisible = matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !letter.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tricks_become_plain_names() {
        for (name, label) in [
            ("custom-v5.1.0.raucb", "custom-v5.1.0.raucb"),
            ("../../etc/passwd", "passwd"),
            ("C:\\images\\os.raucb", "os.raucb"),
            ("os\0.raucb", "os.raucb"),
            ("os\u{202e}bcuar.exe", "osbcuar.exe"),
            ("con", "con"),
            ("", "image"),
            ("..", "image"),
            ("a/", "image"),
            (" \u{200b}\u{feff} ", "image"),
            ("Kran – Nord.raucb", "Kran – Nord.raucb"),
        ] {
            assert_eq!(file_label(name), label, "{name:?}");
        }
        assert_eq!(file_label(&"x".repeat(300)).len(), 120);
    }

    proptest! {
        #[test]
        fn every_name_becomes_a_label(name in any::<String>()) {
            let label = file_label(&name);
            prop_assert!(!label.is_empty() && label.len() <= 120);
            prop_assert!(!label.contains(['/', '\\', '\0']));
            prop_assert_eq!(file_label(&label), label.clone());
        }
    }
}
