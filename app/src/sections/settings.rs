//! Section 4: the update settings in force.

use leptos::prelude::*;
use ota_api::Settings;

use crate::{
    live::Live,
    strings::{self, settings as t, words},
    ui::{Fact, Section, text},
};

#[component]
pub fn SettingsSection(live: Live) -> impl IntoView {
    let of = move |read: fn(&Settings) -> String| text(move || live.settings.with(read));
    view! {
        <Section index=3>
            <div class="groups">
                <article class="card">
                    <h3>{t::AUTOMATION}</h3>
                    <dl class="facts">
                        <Fact label=t::AUTO_UPDATE value=of(|s| switch(s.auto_update.enabled))/>
                        <Fact label=t::AUTO_DOWNLOAD value=of(|s| switch(s.auto_update.auto_download))/>
                        <Fact label=t::AUTO_SECURITY value=of(|s| switch(s.auto_update.auto_security))/>
                        <Fact label=t::AUTO_REBOOT value=of(|s| switch(s.auto_update.auto_reboot))/>
                    </dl>
                </article>
                <article class="card">
                    <h3>{t::WINDOW}</h3>
                    <dl class="facts">
                        <Fact label=t::WINDOW value=of(|s| switch(s.maintenance_window.enabled))/>
                        <Fact
                            label=t::SCHEDULE
                            value=of(|s| words::schedule(s.maintenance_window.schedule).to_owned())
                        />
                        <Fact label=t::TIME value=of(|s| s.maintenance_window.time.clone())/>
                    </dl>
                </article>
                <article class="card">
                    <h3>{t::STRATEGY}</h3>
                    <dl class="facts">
                        <Fact label=t::METHOD value=of(|s| words::strategy(s.update_strategy).to_owned())/>
                    </dl>
                </article>
            </div>
            <p class="later">{t::READ_ONLY}</p>
        </Section>
    }
}

fn switch(on: bool) -> String {
    if on { strings::ON } else { strings::OFF }.to_owned()
}
