//! Values as the tables keep them.

use jiff::Timestamp;
use ota_core::Role;
use ota_engine::ports::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};

/// A row that was read but cannot be understood. The content stays out of the operator's sentence.
pub(crate) fn damaged(row: impl Display, error: impl Display) -> StoreError {
    tracing::error!(%row, detail = %error, "damaged row in the database");
    StoreError::Failed(format!("the {row} in the database is damaged and cannot be read"))
}

/// All nine decimals, always, so that the text sorts as the time does.
pub(crate) fn time_text(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// A time, role, level … of the row that `row` names.
pub(crate) fn parse<T>(row: impl Display, text: &str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error| damaged(row, error))
}

/// The role in the row that `row` names. One that only a newer release has allows nothing here, so whoever has it is nobody.
pub(crate) fn known_role(row: impl Display, name: &str) -> Option<Role> {
    let role = name.parse().ok();
    if role.is_none() {
        tracing::warn!(%row, role = name, "the role is unknown; it is passed over");
    }
    role
}

pub(crate) fn from_json<T: DeserializeOwned>(row: impl Display, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(row, error))
}

/// Whether what cannot be read has a name in it that this release does not know: a newer one has written it, and it is not damaged.
///
/// The words are those of `serde::de::Error::unknown_variant`; the error has no other way to say it.
pub(crate) fn is_of_newer_release(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with("unknown variant `")
}

pub(crate) fn to_json<T: Serialize + ?Sized>(row: impl Display, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| {
        tracing::error!(%row, detail = %error, "a value cannot be written as JSON");
        StoreError::Failed(format!("the {row} cannot be written to the database"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ota_core::{JobState, Origin, Release, Schedule, Strategy};
    use serde_json::json;

    #[test]
    fn a_name_of_a_newer_release_is_told_from_damage() {
        fn newer<T: DeserializeOwned>(text: &str) -> bool {
            serde_json::from_str::<T>(text).err().is_some_and(|error| is_of_newer_release(&error))
        }
        assert!(newer::<Strategy>("\"teleport\"") && newer::<Schedule>("\"yearly\""));
        assert!(newer::<Origin>("\"moon\""));
        for state in [
            json!({ "state": "entangled" }),
            json!({ "state": "installing", "step": "entangle" }),
            json!({ "state": "held", "at": { "entangle": {} }, "reasons": [] }),
            json!({ "state": "failed", "failure": { "code": "entangled", "message": "" } }),
        ] {
            assert!(newer::<JobState>(&state.to_string()), "{state}");
        }
        for damage in ["", "{", "{}", "7", "\"unknown variant `x`", "{\"state\":\"held\"}", "{\"state\":7}"] {
            assert!(!newer::<JobState>(damage), "{damage}");
        }
        assert!(!newer::<Release>("\"unknown variant `x`\""));
    }

    #[test]
    fn times_sort_as_text_and_come_back_exactly() {
        let texts = ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000001Z", "2026-01-02T03:04:05.5Z"];
        let written: Vec<String> = texts.iter().map(|text| time_text(text.parse().unwrap())).collect();
        assert!(written.is_sorted(), "{written:?}");
        for (text, written) in texts.iter().zip(&written) {
            assert_eq!(parse::<Timestamp>("row", written), Ok(text.parse().unwrap()));
        }
    }
}
