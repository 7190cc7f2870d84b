//! A snapshot beside `zstd -1`, a restore beside `dd`, a second snapshot beside the first. Ratios are of one
//! round: what else runs on the machine then hits both. `cargo bench -p snapstore`; `SNAPSTORE_BENCH_MIB`
//! (512) and
//! `SNAPSTORE_BENCH_CHUNK_KIB` (64) say how much and in what pieces.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use snapstore::{Error, ImageSource, Options, Request, Store};

const ROUNDS: usize = 3;
const MIB: usize = 1 << 20;

/// What one round took.
struct Round {
    zstd: Duration,
    create: Duration,
    second: Duration,
    verify: Duration,
    dd: Duration,
    restore: Duration,
    memory: f64,
    stored: u64,
    new: u64,
    zstd_bytes: u64,
}

fn main() {
    let mib: usize = std::env::var("SNAPSTORE_BENCH_MIB").map_or(512, |text| text.parse().unwrap());
    let kib: u32 = std::env::var("SNAPSTORE_BENCH_CHUNK_KIB").map_or(64, |text| text.parse().unwrap());
    // Beside the executable: on a real disk, where the target directory is.
    let beside = std::env::current_exe().unwrap();
    let home = tempfile::tempdir_in(beside.parent().unwrap()).unwrap();
    let (image, changed) = (home.path().join("image"), home.path().join("changed"));
    write_image(&image, mib);
    change(&image, &changed, mib);
    let rounds: Vec<Round> =
        (0..ROUNDS).map(|_| round(home.path(), [&image, &changed], mib, kib << 10)).collect();
    report(&rounds, mib, kib);
}

fn round(home: &Path, [image, changed]: [&PathBuf; 2], mib: usize, chunk_bytes: u32) -> Round {
    let at = |name: &str| home.join(name);
    let source =
        |path: &PathBuf| ImageSource { name: "a".to_owned(), path: path.clone(), length: (mib * MIB) as u64 };
    let request =
        |id: &str, path| Request { id: id.to_owned(), images: vec![source(path)], ..Request::default() };
    let zstd = time(|| {
        run(Command::new("zstd").args(["-1", "-q", "-f", "-o"]).arg(at("image.zst")).arg(image));
        File::open(at("image.zst")).unwrap().sync_all().unwrap();
    });
    let _ = std::fs::remove_dir_all(at("store"));
    forget_peak_memory();
    let base = memory("VmRSS:");
    let store = Store::open(at("store"), Options { chunk_bytes, ..Options::default() }).unwrap();
    let (mut stored, mut new) = (0, 0);
    let create = time(|| stored = store.create(&request("first", image), &()).unwrap().own_bytes);
    let second = time(|| new = store.create(&request("second", changed), &()).unwrap().own_bytes);
    let verify = time(|| store.verify("second", &()).unwrap());
    let slot = at("slot");
    let by_dd = || {
        let arguments = [format!("if={}", changed.display()), format!("of={}", slot.display())];
        run(Command::new("dd").args(arguments).args(["bs=1M", "conv=fsync,notrunc", "status=none"]));
    };
    let by_us = || {
        let mut slot = File::options().write(true).open(&slot).unwrap();
        let write =
            |bytes: &[u8]| slot.write_all(bytes).map_err(|source| Error::Io { action: "write", source });
        store.read_image("second", "a", &|| false, write).unwrap();
        slot.sync_all().unwrap();
    };
    // A disk takes the first write after a pause faster than the next, whosever it is: each is first and
    // second, second and first.
    let write = |work: &dyn Fn()| {
        File::create(&slot).unwrap().set_len((mib * MIB) as u64).unwrap();
        time(work)
    };
    let times = [write(&by_dd), write(&by_us), write(&by_us)];
    run(Command::new("cmp").args([&slot, changed]));
    let (dd, restore) = ((times[0] + write(&by_dd)) / 2, (times[1] + times[2]) / 2);
    let memory = memory("VmHWM:") - base;
    let zstd_bytes = std::fs::metadata(at("image.zst")).unwrap().len();
    for path in [slot, at("image.zst")] {
        std::fs::remove_file(path).unwrap();
    }
    Round { zstd, create, second, verify, dd, restore, memory, stored, new, zstd_bytes }
}

fn report(rounds: &[Round], mib: usize, kib: u32) {
    let seconds =
        |of: &dyn Fn(&Round) -> Duration| median(rounds.iter().map(|round| of(round).as_secs_f64()));
    let row = |name: &str, of: &dyn Fn(&Round) -> Duration| {
        let time = seconds(of);
        println!("{name:34} {time:7.2} s {:7.0} MiB/s", mib as f64 / time);
    };
    let ratio = |name: &str, aim: &str, of: &dyn Fn(&Round) -> f64| {
        println!("{name:34} {:7.2}   ({aim})", median(rounds.iter().map(of)));
    };
    println!("\n{mib} MiB in chunks of {kib} KiB, median of {ROUNDS} rounds");
    row("zstd -1, fsync", &|round| round.zstd);
    row("create", &|round| round.create);
    row("create again, 1 % changed", &|round| round.second);
    row("verify", &|round| round.verify);
    row("dd conv=fsync bs=1M", &|round| round.dd);
    row("read_image, fsync", &|round| round.restore);
    let over = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    ratio("create / zstd", "aim 1.3", &|round| over(round.create, round.zstd));
    ratio("read_image / dd", "aim 1.3", &|round| over(round.restore, round.dd));
    ratio("second / first", "aim 0.2", &|round| over(round.second, round.create));
    ratio("bytes stored / zstd's", "", &|round| round.stored as f64 / round.zstd_bytes as f64);
    ratio("new bytes of the second, % of image", "aim 5", &|round| {
        100.0 * round.new as f64 / (mib * MIB) as f64
    });
    ratio("peak memory, MiB over the start", "aim 24", &|round| round.memory);
}

/// Every other MiB is noise, the rest are records that zstd makes less than half of.
fn write_image(path: &Path, mib: usize) {
    let mut out = BufWriter::with_capacity(MIB, File::create(path).unwrap());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for number in 0..mib {
        for _ in 0..MIB / 16 {
            let record = match number % 2 {
                0 => [next().to_le_bytes(), next().to_le_bytes()],
                _ => [(next() & 0xffff_ff00_0000).to_le_bytes(), *b"\x7fELFrec\0"],
            };
            out.write_all(record.as_flattened()).unwrap();
        }
    }
    out.into_inner().unwrap().sync_all().unwrap();
}

/// Copies the image and changes clusters of 256 KiB, 1 % of it, all over.
fn change(image: &Path, changed: &Path, mib: usize) {
    use std::os::unix::fs::FileExt;
    const CLUSTER: usize = 256 << 10;
    std::fs::copy(image, changed).unwrap();
    let file = File::options().read(true).write(true).open(changed).unwrap();
    let clusters = (mib * MIB / CLUSTER / 100).max(1);
    let mut bytes = vec![0; CLUSTER];
    for number in 0..clusters {
        // Not at the boundaries of chunks.
        let offset = (mib * MIB / clusters * number + 4096 * 5) as u64;
        file.read_exact_at(&mut bytes, offset).unwrap();
        bytes.iter_mut().for_each(|byte| *byte ^= 0x5a);
        file.write_all_at(&bytes, offset).unwrap();
    }
    file.sync_all().unwrap();
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn forget_peak_memory() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
