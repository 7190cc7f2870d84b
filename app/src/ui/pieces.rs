//! Section frame, label with value, state word.
//!
//! What changes on the page is a boxed closure of one of few types. Each closure type of its own would bring the browser
//! its own copy of the code that renders it.

use leptos::{
    ev::{Event, MouseEvent},
    prelude::*,
};

use super::Tone;
use crate::strings;

/// A text that follows the state.
pub type Text = Box<dyn Fn() -> String + Send>;
/// A yes or no that follows the state.
pub type Flag = Box<dyn Fn() -> bool + Send>;
/// A word that follows the state.
pub type Word = Box<dyn Fn() -> &'static str + Send>;

/// What a click does.
pub type Press = Box<dyn FnMut(MouseEvent)>;
/// What happens when something else has happened to an element.
pub type Handler = Box<dyn FnMut(Event)>;

pub fn press(mut act: impl FnMut() + 'static) -> Press {
    Box::new(move |_| act())
}

/// With the text of the field that it happened to.
pub fn typed(mut act: impl FnMut(String) + 'static) -> Handler {
    Box::new(move |event| act(event_target_value(&event)))
}

/// With whether the box is ticked now.
pub fn ticked(mut act: impl FnMut(bool) + 'static) -> Handler {
    Box::new(move |event| act(event_target_checked(&event)))
}

pub fn happened(mut act: impl FnMut() + 'static) -> Handler {
    Box::new(move |_| act())
}

pub fn text(read: impl Fn() -> String + Send + 'static) -> Text {
    Box::new(read)
}

pub fn flag(read: impl Fn() -> bool + Send + 'static) -> Flag {
    Box::new(read)
}

pub fn word(read: impl Fn() -> &'static str + Send + 'static) -> Word {
    Box::new(read)
}

/// One of the seven sections: `index` is its place on the page.
#[component]
pub fn Section<C: IntoView + 'static>(index: usize, children: TypedChildren<C>) -> impl IntoView {
    let (id, title) = strings::SECTIONS.get(index).copied().unwrap_or_default();
    let heading = format!("{id}-heading");
    view! {
        <section id=id class="section" aria-labelledby=heading.clone()>
            <h2 id=heading.clone()><span class="number" aria-hidden="true">{index + 1}</span>{title}</h2>
            {children.into_inner()()}
        </section>
    }
}

/// A label and its value, inside a `<dl>`.
#[component]
pub fn Fact(label: &'static str, value: Text) -> impl IntoView {
    view! { <div class="fact"><dt>{label}</dt><dd>{value}</dd></div> }
}

/// What a table is called, for those who hear it, and the names of its columns.
#[component]
pub fn TableHead(caption: &'static str, columns: &'static [&'static str]) -> impl IntoView {
    let names = columns.iter().map(|name| view! { <th role="columnheader" scope="col">{*name}</th> });
    view! {
        <caption class="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
            <tr role="row">{names.collect_view()}</tr>
        </thead>
    }
}

/// A word for a state, with a mark whose shape and colour say the same.
#[component]
pub fn StateWord(state: impl Fn() -> (&'static str, Tone) + Copy + Send + 'static) -> impl IntoView {
    view! { <span class="state" data-tone=word(move || state().1.as_str())>{word(move || state().0)}</span> }
}
