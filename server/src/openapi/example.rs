//! Examples: those of the published interface, with what our answers have beside it.

use serde_json::Value;

/// A block of the published interface, `added` to what is not in it.
macro_rules! published {
    ($name:literal) => {
        $crate::openapi::example::read(include_str!(concat!(
            "../../../crates/ota-api/tests/spec/",
            $name,
            ".json"
        )))
    };
    ($name:literal, added) => {
        $crate::openapi::example::merged(
            $crate::openapi::example::published!($name),
            $crate::openapi::example::read(include_str!(concat!(
                "../../../crates/ota-api/tests/additions/",
                $name,
                ".json"
            ))),
        )
    };
}

pub(super) use published;

/// What is not JSON is no example of anything, and found as such by the tests.
pub(super) fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The block with its additions.
pub(super) fn merged(mut block: Value, addition: Value) -> Value {
    match (&mut block, addition) {
        (Value::Object(block), Value::Object(addition)) => {
            for (key, value) in addition {
                let there = block.remove(&key);
                block.insert(key, there.map_or(value.clone(), |there| merged(there, value)));
            }
        }
        (Value::Array(block), Value::Array(addition)) => {
            for (there, value) in block.iter_mut().zip(addition) {
                *there = merged(there.take(), value);
            }
        }
        _ => {}
    }
    block
}
