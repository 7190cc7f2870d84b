//! Reading JSON with little code.
//!
//! `serde_json` reads straight from the text, and every type that is read brings its own copy of the scanner: a quarter of
//! the browser's download, when this page used it. Here the text becomes a tree first, and types are read from the tree.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Map, Value};

/// Reads a value of `T`.
///
/// # Errors
/// When the text is not JSON, or is not what `T` is written as.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    T::deserialize(Tree(serde_json::from_slice(text)?))
}

struct Tree(Value);

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_string(text),
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Object(members) => {
                visitor.visit_map(Members { rest: members.into_iter(), value: Value::Null })
            }
        }
    }

    /// An object only: an array in its place is refused.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Members { rest: self.object()?.into_iter(), value: Value::Null })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// A word: the interface has no enum with data whose tag stands outside.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            _ => Err(Error::invalid_type(Unexpected::Other("no word"), &"a word")),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            _ => Err(Error::invalid_type(Unexpected::Other("no array"), &"an array")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(Error::invalid_type(Unexpected::Other("no text"), &"a text")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(Error::invalid_type(Unexpected::Other("neither true nor false"), &"true or false")),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct map
        identifier ignored_any
    }
}

impl Tree {
    fn object(self) -> Result<Map<String, Value>, Error> {
        match self.0 {
            Value::Object(members) => Ok(members),
            _ => Err(Error::invalid_type(Unexpected::Other("no object"), &"an object")),
        }
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|item| seed.deserialize(Tree(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Members {
    rest: serde_json::map::IntoIter,
    /// Of the key that was given last.
    value: Value,
}

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = value;
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(Tree(std::mem::take(&mut self.value)))
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use ota_api::{Reply, safety::Constraint, ws::SystemStatus};
    use serde_json::{Value, json};

    fn same<T: serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &Value) {
        let text = value.to_string();
        assert_eq!(read::<T>(text.as_bytes()).ok(), serde_json::from_str::<T>(&text).ok(), "{text}");
    }

    #[test]
    fn reads_what_serde_json_reads() {
        let constraint = json!({"enabled": true, "status": "idle", "level": 85, "blocking": false, "state": "clear",
            "reason": "", "source": "plant", "age_seconds": 1, "threshold": 30.5, "estimated_clear": null, "new": [1, {}]});
        same::<Constraint>(&constraint);
        let mut wrong = constraint.clone();
        wrong["state"] = json!("blue");
        same::<Constraint>(&wrong);
        wrong["state"] = json!(1);
        same::<Constraint>(&wrong);
        let mut short = constraint.clone();
        short.as_object_mut().unwrap().remove("source");
        same::<Constraint>(&short);
        let mut negative = constraint;
        negative["age_seconds"] = json!(-1);
        same::<Constraint>(&negative);
        same::<Reply<Vec<Option<u8>>>>(&json!({"data": [1, null, 255], "success": true, "message": "m"}));
        same::<Reply<Vec<Option<u8>>>>(&json!({"data": [256], "success": true, "message": "m"}));
        same::<Reply<(i64, f64, bool, char)>>(
            &json!({"data": [-3, 1.5, true, "x"], "success": true, "message": "m"}),
        );
        for value in [json!(null), json!("x"), json!({}), json!(7)] {
            same::<SystemStatus>(&value);
        }
        assert!(read::<Value>(b"{").is_err() && read::<Value>(b"{} {}").is_err());
    }
}
