use sha2::{Digest, Sha256};

/// Letters and digits that are told apart when they are read from a console (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 80 bits: with a wait after wrong tries nobody guesses it.
const LENGTH: usize = 16;
const GROUP: usize = 4;

/// What the console shows and the first administrator types.
pub(super) struct ClaimToken(String);

impl ClaimToken {
    pub(super) fn random() -> Self {
        let letter = |byte: u8| ALPHABET.get(usize::from(byte % 32)).copied().map_or('0', char::from);
        Self(rand::random::<[u8; LENGTH]>().into_iter().map(letter).collect())
    }

    /// In groups, for the eye.
    pub(super) fn reveal(&self) -> String {
        let groups: Vec<&str> = (0..LENGTH)
            .step_by(GROUP)
            .filter_map(|from| self.0.get(from..from.saturating_add(GROUP)))
            .collect();
        groups.join("-")
    }

    /// Whether somebody typed it, in whatever case and groups. Hashes are compared, so the time tells nothing.
    pub(super) fn is(&self, typed: &str) -> bool {
        let plain = |letter: char| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let typed: String =
            typed.chars().filter(char::is_ascii_alphanumeric).take(LENGTH + 1).map(plain).collect();
        Sha256::digest(typed) == Sha256::digest(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimToken;

    #[test]
    fn a_token_is_recognized_however_it_is_typed() {
        let token = ClaimToken("7KQ2M9XD4TRA0ZC1".to_owned());
        assert_eq!(token.reveal(), "7KQ2-M9XD-4TRA-0ZC1");
        for typed in ["7KQ2-M9XD-4TRA-0ZC1", "7kq2m9xd4traozcl", " 7KQ2 M9XD 4TRA 0ZCI "] {
            assert!(token.is(typed), "{typed}");
        }
        for typed in ["", "7KQ2-M9XD-4TRA-0ZC", "7KQ2-M9XD-4TRA-0ZC12", "7KQ2-M9XD-4TRA-0ZC2"] {
            assert!(!token.is(typed), "{typed}");
        }
        assert_ne!(ClaimToken::random().reveal(), ClaimToken::random().reveal());
    }
}
