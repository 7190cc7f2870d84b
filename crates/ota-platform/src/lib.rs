//! Adapters behind the device ports of Gateway OTA. The only crate that opens devices or starts programs.

mod blocking;
mod boot;
mod boot_orders;
mod bundles;
mod causes;
mod clock;
mod components;
mod facts;
mod fetch;
mod free_space;
mod health;
mod http;
mod kept;
mod reboot;
mod repository;
mod sensors;
mod slots;
mod snapshots;
mod telemetry;
mod uploads;

pub use boot::{
    CommissionError, DEFAULT_LOCK_FILE, FlagScheme, UbootConfig, UbootEnvironment, boot_variables, commission,
};
pub use boot_orders::BootOrderFiles;
pub use bundles::{KeyringError, Purpose, RaucBundles, TrustConfig};
pub use clock::SystemClock;
pub use components::{ComponentConfig, ComponentsConfig, DeviceComponents};
pub use fetch::{FetchConfig, Patience, ResumableFetcher};
pub use free_space::free_bytes;
pub use health::{
    ExecutableCheck, ExecutableCheckConfig, HttpCheck, HttpCheckConfig, SystemdCheck, SystemdCheckConfig,
    TcpCheck, TcpCheckConfig,
};
pub use kept::{BundleShelf, KeptBundlesConfig};
pub use raucb::Policy;
pub use reboot::{
    BootModelConfig, ModelError, ModelReboot, SystemdReboot, SystemdRebootConfig, boot_id, power_on,
};
pub use repository::{RepositoryConfig, TufRepository};
pub use sensors::{
    BatteryRule, Credentials, HostPort, HttpConfig, HttpLogin, LiveSensors, LoadConfig, MODBUS_PORT,
    ModbusConfig, MqttConfig, NUT_PORT, NetworkConfig, NoRegister, NutConfig, Register, Registers,
    SensorsConfig, SensorsError, Signal, SourceConfig, SourceKind, TlsFiles, WordRule, is_topic,
    parse_broker,
};
pub use slots::{CmdlineError, DeviceRecoverySlot, DeviceSlots, SlotsConfig, booted_slot, is_mounted};
pub use snapshots::{SlotSnapshots, SnapshotsConfig};
pub use telemetry::{SystemTelemetry, TelemetryError};
pub use uploads::{UploadDirectory, UploadsConfig};
