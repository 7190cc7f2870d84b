//! A part of the page's state that can be watched.

use leptos::prelude::*;

use super::State;

/// Reads, changes and watches one member of [`State`].
///
/// It behaves like a signal of `T`, and there is only one signal type behind all parts: a signal of its own for each `T`
/// would send the browser the same machinery a dozen times over.
pub struct Part<T: 'static> {
    state: StoredValue<State>,
    changed: RwSignal<()>,
    member: fn(&State) -> &T,
    member_mut: fn(&mut State) -> &mut T,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Part<T> {}

impl<T: 'static> Part<T> {
    pub(super) fn new(
        state: StoredValue<State>,
        member: fn(&State) -> &T,
        member_mut: fn(&mut State) -> &mut T,
    ) -> Self {
        Self { state, changed: RwSignal::new(()), member, member_mut }
    }

    /// Reads it; whoever reads runs again when it changes.
    pub fn with<R>(self, read: impl FnOnce(&T) -> R) -> R {
        self.changed.track();
        self.peek(read)
    }

    /// Reads it without watching.
    pub fn peek<R>(self, read: impl FnOnce(&T) -> R) -> R {
        // The guard, not the closure-taking access: that one would exist once more for every closure.
        read((self.member)(&self.state.read_value()))
    }

    /// Changes it, and lets those know who watch.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        change((self.member_mut)(&mut self.state.write_value()));
        self.changed.notify();
    }

    pub fn set(self, value: T) {
        self.update(|old| *old = value);
    }
}

impl<T: Clone + 'static> Part<T> {
    #[must_use]
    pub fn get(self) -> T {
        self.with(T::clone)
    }
}
