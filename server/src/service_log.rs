//! The service's own log in files, for whoever makes a debug bundle: `service.log`, and `service.log.1` that came before it.
//!
//! What is traced never waits for the disk: lines go through a bounded queue to a thread of their own. What finds the queue or the disk
//! full is dropped and counted; the next line that finds room says how many there were. The error output has all of them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Lines that wait for the disk.
const QUEUE: usize = 1024;
/// Bytes of a line.
const LONGEST: usize = 64 << 10;

/// Where the log is, and how long a file of it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceLog {
    directory: PathBuf,
    /// Bytes of each of the two files.
    most: u64,
}

impl ServiceLog {
    /// In `directory`; two files of at most `most` bytes.
    #[must_use]
    pub fn within(directory: PathBuf, most: u64) -> Self {
        Self { directory, most }
    }

    /// The newer file, and the one before it.
    #[must_use]
    pub fn files(&self) -> [PathBuf; 2] {
        ["service.log", "service.log.1"].map(|name| self.directory.join(name))
    }

    /// Starts the thread that writes. Clones of what is returned write into the same files.
    ///
    /// # Errors
    /// When no thread can be started. What the disk cannot take is no error.
    pub fn start(self) -> io::Result<Lines> {
        let (sender, lines) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer { log: self, open: None, dropped: Arc::clone(&dropped) };
        thread::Builder::new().name("service-log".to_owned()).spawn(move || writer.run(&lines))?;
        Ok(Lines { sender, dropped })
    }

    /// What has been written so far, oldest first. It is what it is now, whatever is written or begun anew meanwhile.
    ///
    /// # Errors
    /// When a file that is there cannot be opened.
    pub fn written(&self) -> io::Result<Vec<io::Take<File>>> {
        let mut found: Vec<File> = Vec::new();
        // The newer one first: when a new one is begun in between, it is found again under the other name.
        for path in self.files() {
            match File::open(path) {
                Ok(file) if !found.first().is_some_and(|first| is_same(first, &file)) => found.push(file),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let bounded = |file: File| file.metadata().map(|facts| file.take(facts.len()));
        found.into_iter().rev().map(bounded).collect()
    }
}

fn is_same(one: &File, other: &File) -> bool {
    let identity = |file: &File| file.metadata().ok().map(|facts| (facts.dev(), facts.ino()));
    identity(one).is_some() && identity(one) == identity(other)
}

/// Takes lines, each as one write, and never waits.
#[derive(Debug, Clone)]
pub struct Lines {
    sender: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(line.to_owned()).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The thread's own.
struct Writer {
    log: ServiceLog,
    /// The newer file and its length; none before the first line, and after a failure.
    open: Option<(File, u64)>,
    dropped: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, lines: &Receiver<Vec<u8>>) {
        while let Ok(mut line) = lines.recv() {
            if line.len() > LONGEST {
                line.truncate(LONGEST);
                line.push(b'\n');
            }
            let dropped = self.dropped.swap(0, Relaxed);
            if dropped > 0 {
                let notice =
                    format!("{dropped} lines before this one are not here: there was no room for them\n");
                line.splice(0..0, notice.into_bytes());
            }
            if self.write(&line).is_err() {
                // The next line tries anew.
                self.open = None;
                self.dropped.fetch_add(dropped + 1, Relaxed);
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        let (mut file, written) = match self.open.take() {
            Some((file, written)) if is_in_place(&file) && written + length <= self.log.most => {
                (file, written)
            }
            _ => self.renew(length)?,
        };
        file.write_all(line)?;
        self.open = Some((file, written + length));
        Ok(())
    }

    /// The newer file, begun anew where it has no room for `length` bytes.
    fn renew(&self, length: u64) -> io::Result<(File, u64)> {
        let [path, former] = self.log.files();
        make_private(&self.log.directory)?;
        if fs::metadata(&path).is_ok_and(|facts| facts.len() + length > self.log.most) {
            fs::rename(&path, former)?;
        }
        let file = append(&path)?;
        let written = file.metadata()?.len();
        Ok((file, written))
    }
}

/// Makes the directory, and none above it: the data directory is made by whoever knows how.
fn make_private(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// A factory reset removes the files of a service that writes already.
fn is_in_place(file: &File) -> bool {
    file.metadata().is_ok_and(|facts| facts.nlink() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    fn text(log: &ServiceLog) -> String {
        let mut text = String::new();
        for mut part in log.written().unwrap() {
            part.read_to_string(&mut text).unwrap();
        }
        text
    }

    fn until(log: &ServiceLog, what: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let text = text(log);
            if what(&text) {
                return text;
            }
            assert!(Instant::now() < end, "{text}");
            thread::yield_now();
        }
    }

    fn say(lines: &mut Lines, line: &str) {
        lines.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    #[test]
    fn two_files_of_bounded_length_hold_the_newest_lines() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServiceLog::within(directory.path().join("log"), 1000);
        let mut lines = log.clone().start().unwrap();
        for number in 0..500 {
            say(&mut lines, &format!("line {number:04}"));
            until(&log, |text| text.contains(&format!("line {number:04}")));
        }
        let found: Vec<_> = log.files().iter().map(|path| fs::metadata(path).unwrap().len()).collect();
        assert!(found.iter().all(|length| (1..=1000).contains(length)), "{found:?}");
        let text = text(&log);
        let numbers: Vec<u32> = text.lines().map(|line| line[5..].parse().unwrap()).collect();
        assert!(numbers.len() >= 100 && numbers.is_sorted() && numbers.last() == Some(&499), "{text}");
        assert_eq!(numbers.len() as u32, 500 - numbers[0], "none is missing in between");
        // Another start goes on where this one ended.
        let mut lines = log.clone().start().unwrap();
        say(&mut lines, "again");
        assert!(until(&log, |text| text.contains("again")).contains("line 0499\nagain\n"));
    }

    #[test]
    fn a_full_disk_costs_lines_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServiceLog::within(directory.path().to_owned(), 100_000);
        let [path, _] = log.files();
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let mut lines = log.clone().start().unwrap();
        for _ in 0..3 * QUEUE {
            say(&mut lines, "lost");
        }
        // The queue is worked through before there is room again.
        let end = Instant::now() + Duration::from_secs(20);
        while lines.dropped.load(Relaxed) < 3 * QUEUE as u64 {
            assert!(Instant::now() < end);
            thread::yield_now();
        }
        fs::remove_file(&path).unwrap();
        say(&mut lines, "there is room again");
        let text = until(&log, |text| text.contains("room again"));
        assert_eq!(
            text,
            format!(
                "{} lines before this one are not here: there was no room for them\nthere is room again\n",
                3 * QUEUE
            )
        );
    }

    #[test]
    fn a_file_that_was_removed_is_begun_anew() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServiceLog::within(directory.path().to_owned(), 100_000);
        let mut lines = log.clone().start().unwrap();
        say(&mut lines, "before");
        until(&log, |text| text == "before\n");
        fs::remove_file(&log.files()[0]).unwrap();
        say(&mut lines, "after");
        assert_eq!(until(&log, |text| !text.is_empty()), "after\n");
    }

    #[test]
    fn what_is_read_is_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let log = ServiceLog::within(directory.path().to_owned(), 100);
        assert!(log.written().unwrap().is_empty());
        fs::write(&log.files()[0], "old\n").unwrap();
        let mut parts = log.written().unwrap();
        let mut lines = log.clone().start().unwrap();
        say(&mut lines, &"x".repeat(98));
        until(&log, |text| text.contains("xxx"));
        let mut read = String::new();
        parts.remove(0).read_to_string(&mut read).unwrap();
        assert_eq!(read, "old\n");
    }
}
