//! What a change may do between the read and the commit.

use crate::environment::{Environment, InvalidVariable};

/// The environment as it was read under the lock, open for changes; see [`Store::update`](crate::Store::update).
#[derive(Debug)]
pub struct Transaction {
    environment: Environment,
}

impl Transaction {
    pub(crate) fn new(environment: Environment) -> Self {
        Self { environment }
    }

    pub(crate) fn into_environment(self) -> Environment {
        self.environment
    }

    /// All variables, with the changes made so far.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The value of a variable, with the changes made so far; `None` where it is not set or is not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.environment.get(name)
    }

    /// Sets a variable, replacing its value where it has one.
    ///
    /// # Errors
    /// [`InvalidVariable`], and nothing is changed, where the format has no form for the name or the value.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidVariable> {
        self.environment.set(name, value)
    }

    /// Removes a variable; says whether it was set.
    pub fn unset(&mut self, name: impl AsRef<[u8]>) -> bool {
        self.environment.unset(name)
    }
}
