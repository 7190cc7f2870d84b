//! The data attributes of `#app`: what the server knows becomes what the browser starts with.

use ota_api::page::PageData;
use serde::de::DeserializeOwned;

use crate::json;

/// [`PageData`] as JSON, one text for each attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    pub system: String,
    pub updates: String,
    pub settings: String,
    pub safety: String,
    pub live: String,
}

impl Embedded {
    /// # Errors
    /// When a value has no JSON form.
    pub fn write(data: &PageData) -> Result<Self, serde_json::Error> {
        Ok(Self {
            system: serde_json::to_string(&data.system)?,
            updates: serde_json::to_string(&data.updates)?,
            settings: serde_json::to_string(&data.settings)?,
            safety: serde_json::to_string(&data.safety)?,
            live: serde_json::to_string(&data.live)?,
        })
    }

    /// The data again, from the attributes that `attribute` looks up.
    ///
    /// # Errors
    /// When an attribute is missing or is not what the server writes.
    pub fn read(attribute: impl Fn(&str) -> Option<String>) -> Result<PageData, json::Unreadable> {
        fn part<T: DeserializeOwned>(text: Option<String>) -> Result<T, json::Unreadable> {
            json::read(text.unwrap_or_default().as_bytes())
        }
        Ok(PageData {
            system: part(attribute("data-system"))?,
            updates: part(attribute("data-updates"))?,
            settings: part(attribute("data-settings"))?,
            safety: part(attribute("data-safety"))?,
            live: part(attribute("data-live"))?,
        })
    }
}
