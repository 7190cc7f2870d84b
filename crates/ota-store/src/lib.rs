//! SQLite behind the storage ports. The only crate that knows SQL.
