//! Resident memory of a process, sampled.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

const EVERY: Duration = Duration::from_millis(20);

pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    /// What is resident now counts as idle.
    pub fn start(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (idle, ended) = (resident(process), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut peak = idle;
            while !ended.load(Ordering::Relaxed) {
                peak = peak.max(resident(process));
                std::thread::sleep(EVERY);
            }
            peak - idle
        });
        Self { stop, thread }
    }

    /// The most that was resident beyond idle, KiB.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Resident memory now, KiB.
pub fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
