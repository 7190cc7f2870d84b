//! Settings that cannot be.

use std::ops::RangeInclusive;

/// A setting that is refused. The text begins with the name of the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSettings {
    #[error("maintenance_window.time: must be HH:MM, from 00:00 to 23:59")]
    Time,
    #[error("maintenance_window.timezone: “{0}” is no time zone that this gateway knows")]
    TimeZone(String),
    #[error("{field}: must be from {least} to {most}")]
    Range { field: &'static str, least: u32, most: u32 },
}

impl InvalidSettings {
    /// The field, as the interface names it.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Time => "maintenance_window.time",
            Self::TimeZone(_) => "maintenance_window.timezone",
            Self::Range { field, .. } => field,
        }
    }

    /// Refuses a `value` that is set and lies outside of `range`.
    pub(super) fn within(
        field: &'static str,
        value: Option<u32>,
        range: RangeInclusive<u32>,
    ) -> Result<Option<u32>, Self> {
        match value {
            Some(number) if !range.contains(&number) => {
                Err(Self::Range { field, least: *range.start(), most: *range.end() })
            }
            value => Ok(value),
        }
    }
}
