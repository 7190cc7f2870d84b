//! The page and the REST routes of Gateway OTA, shared by server and browser.
