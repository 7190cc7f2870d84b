//! Values as the tables keep them.

use jiff::Timestamp;
use ota_engine::ports::StoreError;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};

/// A row that was read but cannot be understood. The content stays out of the operator's sentence.
fn damaged(row: impl Display, error: impl Display) -> StoreError {
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

pub(crate) fn from_json<T: DeserializeOwned>(row: impl Display, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(row, error))
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
