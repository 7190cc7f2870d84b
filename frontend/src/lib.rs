//! The browser's entry point: hydrates the page that the server rendered.
