//! The variables themselves: an ordered map of names to values, and its form in the data area.

use std::collections::BTreeMap;
use std::str;

/// The variables of a boot environment, ordered by name, as U-Boot and `fw_setenv` order them.
///
/// Names and values are bytes: any byte but NUL, and no `=` in a name. What is not UTF-8 is kept as it is by every
/// change and is reached with [`get_bytes`](Self::get_bytes) and [`iter_bytes`](Self::iter_bytes); the text methods
/// leave it out.
///
/// Values are the bytes that are stored, as `fw_printenv` shows them. U-Boot, when it imports them, takes a backslash as
/// an escape for the byte that follows, and an empty value as *not set*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A variable that the environment's format, or U-Boot's import of it, has no room for. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidVariable {
    /// The name is empty, contains `=` or NUL, or starts with `#`, a space or a tab (which U-Boot drops on import).
    #[error("{name:?} cannot be the name of a boot variable")]
    Name {
        /// The refused name.
        name: String,
    },
    /// The value contains a NUL byte. The value itself is not repeated here.
    #[error("the value for boot variable {name:?} contains a NUL byte")]
    Value {
        /// The variable whose value was refused.
        name: String,
    },
}

impl Environment {
    /// An environment without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a data area: entries up to the first empty one, or up to the end of `data` where none is empty.
    ///
    /// Of several entries with one name the last counts, as for U-Boot. Entries without `=` or without a name are
    /// passed over, as `fw_printenv` passes over them; the next commit leaves them out.
    #[must_use]
    pub fn parse(data: &[u8]) -> Self {
        let mut variables = BTreeMap::new();
        for entry in data.split(|byte| *byte == 0).take_while(|entry| !entry.is_empty()) {
            let mut halves = entry.splitn(2, |byte| *byte == b'=');
            if let (Some(name), Some(value)) = (halves.next(), halves.next())
                && !name.is_empty()
            {
                variables.insert(name.to_vec(), value.to_vec());
            }
        }
        Self { variables }
    }

    /// The entries and the mark that ends them, as they stand in the data area; without padding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        for (name, value) in &self.variables {
            bytes.extend_from_slice(name);
            bytes.push(b'=');
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        bytes.push(0);
        bytes
    }

    /// Length of [`to_bytes`](Self::to_bytes), in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let entries: usize = self.variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        entries + 1
    }

    /// The value of a variable; `None` where it is not set or is not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        str::from_utf8(self.get_bytes(name)?).ok()
    }

    /// The value of a variable as bytes; `None` where it is not set.
    #[must_use]
    pub fn get_bytes(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        self.variables.get(name.as_ref()).map(Vec::as_slice)
    }

    /// All variables whose name and value are UTF-8, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter_bytes()
            .filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?)))
    }

    /// All variables as bytes, by name.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.variables.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Sets a variable, replacing its value where it has one.
    ///
    /// # Errors
    /// [`InvalidVariable`], and nothing is changed, where the format has no form for the name or the value.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidVariable> {
        if !is_name(name) {
            return Err(InvalidVariable::Name { name: name.to_owned() });
        }
        let value = value.as_ref();
        if value.contains(&0) {
            return Err(InvalidVariable::Value { name: name.to_owned() });
        }
        self.variables.insert(name.as_bytes().to_vec(), value.to_vec());
        Ok(())
    }

    /// Removes a variable; says whether it was set.
    pub fn unset(&mut self, name: impl AsRef<[u8]>) -> bool {
        self.variables.remove(name.as_ref()).is_some()
    }

    /// Number of variables.
    #[must_use]
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether no variable is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }
}

fn is_name(name: &str) -> bool {
    // U-Boot skips blanks before a name and takes `#` for a comment, so it would never see such a variable.
    let dropped_by_uboot = name.starts_with(['#', ' ', '\t']);
    !name.is_empty() && !dropped_by_uboot && !name.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_duplicate_counts_and_malformed_entries_are_passed_over() {
        let env = Environment::parse(b"b=1\0a=x=y\0novalue\0=noname\0b=2\0empty=\0\0after=end\0\0");
        let all: Vec<_> = env.iter().collect();
        assert_eq!(all, [("a", "x=y"), ("b", "2"), ("empty", "")]);
    }

    #[test]
    fn a_list_without_an_end_mark_ends_with_the_area() {
        assert_eq!(Environment::parse(b"a=1\0b=2").get("b"), Some("2"));
        assert!(Environment::parse(b"").is_empty());
        assert!(Environment::parse(&[0xff; 64]).is_empty());
    }

    #[test]
    fn bytes_that_are_not_text_are_kept() {
        let env = Environment::parse(b"a=\xff\xfe\0\x80=1\0c=3\0\0");
        assert_eq!(env.get("a"), None);
        assert_eq!(env.get_bytes("a"), Some(&b"\xff\xfe"[..]));
        assert_eq!(env.iter().count(), 1);
        assert_eq!(env.to_bytes(), b"a=\xff\xfe\0c=3\0\x80=1\0\0");
    }

    #[test]
    fn names_and_values_without_a_form_are_refused_and_change_nothing() {
        let mut env = Environment::new();
        for name in ["", "a=b", "a\0b", "=", "#a", " a", "\ta"] {
            assert_eq!(env.set(name, "1"), Err(InvalidVariable::Name { name: name.to_owned() }));
        }
        assert_eq!(env.set("a", "1\x002"), Err(InvalidVariable::Value { name: "a".to_owned() }));
        assert!(env.is_empty());
    }

    proptest! {
        #[test]
        fn what_was_set_is_read_again(
            wanted in proptest::collection::btree_map("[^=\0# \t][^=\0]{0,12}", "[^\0]{0,40}", 0..20),
        ) {
            let mut env = Environment::new();
            for (name, value) in &wanted {
                env.set(name, value).unwrap();
            }
            let bytes = env.to_bytes();
            prop_assert_eq!(bytes.len(), env.encoded_len());
            let read = Environment::parse(&bytes);
            prop_assert_eq!(read.iter().collect::<Vec<_>>(),
                wanted.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>());
            prop_assert_eq!(read, env);
        }

        #[test]
        fn any_bytes_are_read_and_written_in_one_stable_form(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let once = Environment::parse(&data);
            prop_assert_eq!(&Environment::parse(&once.to_bytes()), &once);
        }
    }
}
