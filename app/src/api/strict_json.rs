//! JSON bodies that are read to the letter.

use serde::{
    Serialize,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType, codec::Post};
use std::fmt;

/// Fields of a body of which it is said which one is wrong, since that takes a reading for each. No route knows as many.
const MOST_FIELDS: usize = 32;

/// Arguments as a JSON object in the body of a `POST`.
pub type StrictJson = Post<StrictJsonEncoding>;

/// JSON where nothing is passed over: the body is one object, no key comes twice, and every key is one that the route
/// knows. Accepting a misspelt `reboot_after` would be an operation that nobody ordered.
pub struct StrictJsonEncoding;

impl ContentType for StrictJsonEncoding {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for StrictJsonEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for StrictJsonEncoding {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

impl<T: Serialize + DeserializeOwned> Decodes<T> for StrictJsonEncoding {
    type Error = BadBody;

    fn decode(bytes: Bytes) -> Result<T, BadBody> {
        decode(&bytes)
    }
}

/// What is wrong with a body, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadBody(String);

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, BadBody> {
    let not_json = |error: serde_json::Error| BadBody(format!("The body is not valid JSON: {error}."));
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let given = UniqueKeys.deserialize(&mut reader).map_err(not_json)?;
    reader.end().map_err(not_json)?;
    let Value::Object(given) = given else {
        return Err(BadBody("The body must be a JSON object.".to_owned()));
    };
    let value: T = read(&given).map_err(|error| misfit::<T>(&given, &error))?;
    // What comes back out is what was understood; the rest would have been passed over in silence.
    match serde_json::to_value(&value) {
        Ok(Value::Object(understood)) => match surplus(&given, &understood) {
            Some(field) => Err(BadBody(format!("The field “{field}” does not exist here."))),
            None => Ok(value),
        },
        _ => Err(BadBody("The body cannot be understood.".to_owned())),
    }
}

fn read<T: DeserializeOwned>(given: &Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(given.clone())).map_err(|error| error.to_string())
}

/// Says what does not fit, and in which field: the one without which the error is another.
fn misfit<T: DeserializeOwned>(given: &Map<String, Value>, error: &str) -> BadBody {
    let otherwise = |key: &str, value: Option<Value>| {
        let mut other = given.clone();
        match value {
            Some(value) => other.insert(key.to_owned(), value),
            None => other.remove(key),
        };
        read::<T>(&other).err().as_deref() != Some(error)
    };
    let some = || given.keys().filter(|_| given.len() <= MOST_FIELDS);
    // Without a field that is there another one would be missing: that blames nobody.
    if let Some(missing) = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        // Most likely it was misspelt. What may have a value that no field has is not read by anybody.
        let absurd = || Some(Value::Array(vec![Value::Array(Vec::new())]));
        let unknown = some().find(|key| !otherwise(key, absurd()));
        return BadBody(match unknown {
            Some(field) => format!("The field “{field}” does not exist here, and “{missing}” is missing."),
            None => format!("The field “{missing}” is missing."),
        });
    }
    let culprit = some().find(|key| otherwise(key, None));
    BadBody(match culprit {
        Some(field) => format!("The field “{field}” cannot be used: {error}."),
        None => format!("The body cannot be used: {error}."),
    })
}

/// The first key of `given`, at any depth, that `understood` lacks.
fn surplus(given: &Map<String, Value>, understood: &Map<String, Value>) -> Option<String> {
    given.iter().find_map(|(key, value)| match (value, understood.get(key)) {
        (_, None) => Some(key.clone()),
        (Value::Object(inner), Some(Value::Object(known))) => {
            surplus(inner, known).map(|field| format!("{key}.{field}"))
        }
        _ => None,
    })
}

/// Reads any JSON and refuses an object that has a key twice.
struct UniqueKeys;

impl<'de> DeserializeSeed<'de> for UniqueKeys {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(UniqueKeys)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the field “{key}” is there twice")));
            }
            let value = entries.next_value_seed(UniqueKeys)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::{BadBody, decode};
    use ota_api::{auth::LoginRequest, updates::DownloadRequest};
    use serde::{Deserialize, Serialize};

    /// As the macro makes it for a flattened argument.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Arguments {
        #[serde(flatten)]
        request: DownloadRequest,
    }

    fn refusal(body: &str) -> String {
        decode::<Arguments>(body.as_bytes()).map_or_else(|BadBody(text)| text, |_| "accepted".to_owned())
    }

    #[test]
    fn what_the_route_knows_is_accepted() {
        let body =
            r#"{"update_id": "update-001", "version": null, "target_partition": "B", "background": true}"#;
        let read = decode::<Arguments>(body.as_bytes()).unwrap();
        assert_eq!(read.request.update_id, "update-001");
        assert!(read.request.background && read.request.verify_signature);
    }

    #[test]
    fn each_refusal_names_the_field() {
        for (body, part) in [
            (r#"{"update_id": "u", "reboot_afer": true}"#, "“reboot_afer” does not exist"),
            (r#"{"update_id": "u", "x": null}"#, "“x” does not exist"),
            (r#"{"update_id": "u", "update_id": "v"}"#, "“update_id” is there twice"),
            (r#"{"update_id": 5}"#, "“update_id” cannot be used"),
            (r#"{"update_id": "u", "background": "yes"}"#, "“background” cannot be used"),
            (r#"{"background": true}"#, "The field “update_id” is missing."),
            (
                r#"{"background": true, "updateid": "u"}"#,
                "“updateid” does not exist here, and “update_id” is missing",
            ),
            ("[]", "must be a JSON object"),
            ("null", "must be a JSON object"),
            ("", "not valid JSON"),
            (r#"{"update_id": "u"} x"#, "not valid JSON"),
        ] {
            let text = refusal(body);
            assert!(text.contains(part), "{body}: {text}");
        }
        assert!(refusal(&"[".repeat(10_000)).contains("not valid JSON"));
        // Whoever sends thousands of fields is told less, and takes less time of others.
        let many: String = (0..8_000).map(|number| format!("\"a{number}\":0,")).collect();
        let text = refusal(&format!("{{{many}\"update_id\": 5}}"));
        assert!(text.starts_with("The body cannot be used:"), "{text}");
        let BadBody(text) = decode::<LoginRequest>(br#"{"username": "operator"}"#).map(drop).unwrap_err();
        assert_eq!(text, "The field “password” is missing.", "and nothing is wrong with the other one");
    }
}
