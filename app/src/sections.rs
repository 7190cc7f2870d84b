//! The seven sections, in the order of the page.

mod audit;
mod monitor;
mod recovery;
mod safety;
mod settings;
mod status;
mod updates;
mod upload;
mod upload_form;

pub use monitor::MonitorSection;
pub use recovery::RecoverySection;
pub use safety::SafetySection;
pub use settings::SettingsSection;
pub use status::StatusSection;
pub use updates::UpdatesSection;
pub use upload::UploadSection;
