//! How fast bundles are written, verified and read, in MiB of image a second, and how much memory that takes.
//!
//! `cargo bench -p raucb`. The image has 512 MiB, or as many as `RAUCB_BENCH_MIB` says; the temporary directory must
//! hold it three times. Where `rauc` is installed, its `extract` of the same bundle stands beside ours.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509Builder, X509NameBuilder};
use raucb::{Bundle, BundleSpec, Compression, ImageSource, Keyring, Policy, SigningKey, write_bundle};

const ROUNDS: usize = 5;
const MIB: usize = 1 << 20;

fn main() {
    let mib: usize = std::env::var("RAUCB_BENCH_MIB").map_or(512, |text| text.parse().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (certificate, key) = identity();
    std::fs::write(path("keyring.pem"), &certificate).unwrap();
    let signer = SigningKey::from_pem(&certificate, &key, b"").unwrap();
    let policy = Policy::new(Keyring::from_pem(&certificate).unwrap());
    let bundle = path("bundle.raucb");
    // The writers of the last two are slow, and what is measured does not depend on the size.
    for (name, compression, mib) in [
        ("zstd 3", Compression::Zstd { level: 3 }, mib),
        ("gzip", Compression::Gzip, mib.div_ceil(4)),
        ("xz", Compression::Xz, mib.div_ceil(8)),
    ] {
        write_image(&path("image"), mib);
        let rows = || row(name, mib);
        let spec = spec(&path("image"), compression);
        let write = best(1, || drop(write_bundle(&spec, &signer, &bundle).unwrap()));
        println!("\n{name}: {mib} MiB in {}", std::fs::metadata(&bundle).unwrap().len() / MIB as u64);
        rows()("write", write);
        forget_peak_memory();
        measure(&bundle, &policy, rows());
        println!("{name:8} peak memory of all but writing: {}", peak_memory());
        if name == "zstd 3" {
            stock_rauc(directory.path(), rows());
        }
    }
}

fn measure(bundle: &Path, policy: &Policy, row: impl Fn(&str, Duration)) {
    let open = best(ROUNDS, || drop(Bundle::open(bundle, policy).unwrap()));
    println!("opened in {:.1} ms", open.as_secs_f64() * 1e3);
    row("verify", best(ROUNDS, || drop(Bundle::open(bundle, policy).unwrap().verify(&()).unwrap())));
    let verified = Bundle::open(bundle, policy).unwrap().verify(&()).unwrap();
    row(
        "read",
        best(ROUNDS, || {
            std::io::copy(&mut verified.image_reader("rootfs").unwrap(), &mut std::io::sink()).unwrap();
        }),
    );
    row("stream", best(ROUNDS, || verified.stream_image("rootfs", &(), |_| Ok(())).unwrap()));
    // Over the same file each time, as a slot is written.
    let slot = bundle.with_extension("slot");
    let write = || {
        let mut slot = File::options().write(true).create(true).truncate(false).open(&slot).unwrap();
        verified.stream_image("rootfs", &(), |bytes| slot.write_all(bytes)).unwrap();
    };
    row("stream to file", best(ROUNDS, write));
}

/// `rauc extract` decompresses without any check of the hash tree, thus does less than the rows above.
fn stock_rauc(directory: &Path, row: impl Fn(&str, Duration)) {
    let extract = || {
        let out = directory.join("extracted");
        let keyring = format!("--keyring={}", directory.join("keyring.pem").display());
        let mut rauc = Command::new("rauc");
        let output = rauc.args(["extract", &keyring]).arg(directory.join("bundle.raucb")).arg(&out).output();
        let done = output.is_ok_and(|output| output.status.success());
        let _ = std::fs::remove_dir_all(out);
        done
    };
    if extract() {
        row("rauc extract", best(3, || assert!(extract())));
    }
}

fn row(name: &str, mib: usize) -> impl Fn(&str, Duration) + use<'_> {
    move |what, time| {
        let rate = mib as f64 / time.as_secs_f64();
        println!("{name:8} {what:14} {:9.1} ms {rate:9.0} MiB/s", time.as_secs_f64() * 1e3);
    }
}

fn best(rounds: usize, mut work: impl FnMut()) -> Duration {
    let timed = |()| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    std::iter::repeat_n((), rounds).map(timed).min().unwrap()
}

/// What root file systems consist of, roughly: text, code, what is compressed already, and holes; no MiB like another.
fn write_image(path: &Path, mib: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for index in 0..mib {
        let mut part = Vec::with_capacity(MIB + 32);
        while part.len() < MIB {
            let word = random();
            match index % 4 {
                0 => part.extend(word.to_le_bytes()),
                1 => writeln!(part, "entry {} of the table is {:x}", word % 977, word % 65_521).unwrap(),
                // Few different values in most bytes, as in machine code.
                2 => part.extend((word & 0x0000_3f07_ffff_0f1f).to_le_bytes()),
                _ => part.resize(part.len() + MIB, 0),
            }
        }
        file.write_all(&part[..MIB]).unwrap();
    }
    file.flush().unwrap();
}

fn identity() -> (Vec<u8>, Vec<u8>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "bench").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (builder.build().to_pem().unwrap(), key.private_key_to_pem_pkcs8().unwrap())
}

fn spec(image: &Path, compression: Compression) -> BundleSpec {
    let source = ImageSource {
        slot_class: "rootfs".to_owned(),
        filename: "rootfs.img".to_owned(),
        path: image.to_owned(),
    };
    BundleSpec {
        compatible: "bench".to_owned(),
        version: "1".to_owned(),
        description: None,
        build: None,
        images: vec![source],
        compression,
        meta: [].into(),
    }
}

/// The kernel counts the peak anew from here.
fn forget_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned()
}
