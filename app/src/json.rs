//! Reading JSON with little code.
//!
//! `serde_json` reads straight from the text, and every type that is read brings its own copy of the scanner: a quarter of
//! the browser's download, when this page used it. Here the text becomes a tree first, and types are read from the tree.

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        Visitor,
    },
    forward_to_deserialize_any,
};
use serde_json::Value;
use std::fmt;

/// The text is not JSON, or not of the type that was asked for. What it is instead is not said: those words would be a tenth of
/// what the browser loads, and nobody reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is not what it should be")
    }
}

impl std::error::Error for Unreadable {}

impl serde::de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }

    // The forms that serde puts together by itself would be put together before `custom` drops them.
    fn invalid_type(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn Expected) -> Self {
        Self
    }

    fn invalid_length(_: usize, _: &dyn Expected) -> Self {
        Self
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Self
    }

    fn missing_field(_: &'static str) -> Self {
        Self
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self
    }
}

/// Reads a value of `T`.
///
/// # Errors
/// When the text is not JSON, or is not what `T` is written as.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    T::deserialize(Tree(serde_json::from_slice(text).map_err(|_| Unreadable)?))
}

struct Tree(Value);

impl<'de> Deserializer<'de> for Tree {
    type Error = Unreadable;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
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

    /// An object only: an array in its place is refused. Its members are handed over in the order of the fields, which spares
    /// each type the code that looks a name up. A member that is missing counts as null.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_seq(self.members(fields)?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    /// A word: the interface has no enum with data whose tag stands outside.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(word.into_deserializer()),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Items(items.into_iter())),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(Unreadable),
        }
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct tuple tuple_struct map
        identifier ignored_any
    }
}

impl Tree {
    fn members(self, fields: &[&str]) -> Result<Items, Unreadable> {
        let Value::Object(mut members) = self.0 else {
            return Err(Unreadable);
        };
        let ordered: Vec<Value> =
            fields.iter().map(|name| members.remove(*name).unwrap_or_default()).collect();
        Ok(Items(ordered.into_iter()))
    }
}

struct Items(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Unreadable;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unreadable> {
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
    type Error = Unreadable;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Unreadable> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = value;
        seed.deserialize(key.into_deserializer()).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Unreadable> {
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
