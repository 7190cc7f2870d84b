/// How busy the gateway is, both in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ResourceUse {
    pub cpu: f64,
    pub memory: f64,
}

/// Figures about the running system.
pub trait Telemetry: Send + Sync {
    /// Since the last call, for the processor.
    fn resources(&self) -> ResourceUse;

    /// The running kernel's release.
    fn kernel(&self) -> String;
}
