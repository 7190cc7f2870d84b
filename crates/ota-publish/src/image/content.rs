//! The files of an image: what the gateway reads, and filler that compresses about 2:1 as real root images do.

use super::{Content, HEALTH_FILE, ImageSpec};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, RngExt, SeedableRng};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Directories of the image, parents first.
const DIRECTORIES: [&str; 19] = [
    "/boot",
    "/dev",
    "/etc",
    "/etc/gateway-ota",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/lib",
    "/usr/lib/firmware",
    "/usr/lib/modules",
    "/usr/share",
    "/usr/share/univa",
    "/var",
    "/var/lib",
    "/var/lib/gateway-ota",
    "/mnt",
    "/opt",
];

const FIRMWARE: &str = "/usr/lib/firmware/univa-io.bin";
const CALIBRATION: &str = "/usr/share/univa/calibration.csv";

/// Writes the tree below `root` and returns every name in it, as seen inside the image.
pub(super) fn write_tree(spec: &ImageSpec, root: &Path) -> io::Result<Vec<String>> {
    fs::create_dir(root)?;
    let mut names: Vec<String> = Vec::new();
    for name in DIRECTORIES {
        fs::create_dir(inside(root, name))?;
        names.push(name.to_owned());
    }
    for (name, text) in texts(spec) {
        fs::write(inside(root, &name), text)?;
        names.push(name);
    }
    let mut random = Xoshiro256PlusPlus::from_seed(spec.fingerprint());
    let (noise, table) = filler(spec.size);
    write_noise(&mut File::create(inside(root, FIRMWARE))?, noise, &mut random)?;
    let mut calibration = BufWriter::with_capacity(1 << 20, File::create(inside(root, CALIBRATION))?);
    write_table(&mut calibration, table, &mut random)?;
    calibration.flush()?;
    names.extend([FIRMWARE, CALIBRATION].map(str::to_owned));
    Ok(names)
}

/// Writes an image that is no file system, and compresses as one does.
pub(super) fn write_filler(spec: &ImageSpec, path: &Path) -> io::Result<()> {
    let mut random = Xoshiro256PlusPlus::from_seed(spec.fingerprint());
    let noise = spec.size / 32 * 15;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    write_noise(&mut file, noise, &mut random)?;
    write_table(&mut file, spec.size - noise, &mut random)?;
    file.flush()
}

fn inside(root: &Path, name: &str) -> std::path::PathBuf {
    root.join(name.trim_start_matches('/'))
}

/// Bytes of the incompressible and of the compressible filler. A little less than half of the image is noise, since the
/// compressible part does not vanish; the rest is left to ext4's tables.
fn filler(size: u64) -> (u64, u64) {
    let tables = (512 << 10) + size / 128;
    let noise = size / 32 * 15;
    (noise.min(size.saturating_sub(tables)), size.saturating_sub(tables).saturating_sub(noise))
}

fn texts(spec: &ImageSpec) -> Vec<(String, String)> {
    let ImageSpec { version, kernel, .. } = spec;
    let number = version.trim_start_matches('v');
    let mut texts = vec![
        (
            "/etc/os-release".to_owned(),
            format!(
                "NAME=\"Univa Gateway OS\"\nID=univa-gateway\nVERSION=\"{version}\"\nVERSION_ID=\"{number}\"\n\
                 PRETTY_NAME=\"Univa Gateway OS {version}\"\nUNIVA_KERNEL=\"{kernel}\"\n"
            ),
        ),
        ("/etc/hostname".to_owned(), "univa-gateway\n".to_owned()),
        ("/boot/kernel-release".to_owned(), format!("{kernel}\n")),
    ];
    if spec.content == Content::Healthy {
        texts.push((HEALTH_FILE.to_owned(), "ok\n".to_owned()));
    }
    texts
}

fn write_noise(file: &mut impl Write, length: u64, random: &mut Xoshiro256PlusPlus) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(chunk) = buffer.get_mut(..count) else { break };
        random.fill_bytes(chunk);
        file.write_all(chunk)?;
        left -= count as u64;
    }
    Ok(())
}

/// Rows of a table as devices carry them: much repetition, a few digits that differ.
fn write_table(file: &mut impl Write, length: u64, random: &mut Xoshiro256PlusPlus) -> io::Result<()> {
    let rows: Vec<String> = (0..251).map(|index| row(index, random)).collect();
    let mut left = length;
    while left > 0 {
        let Some(row) = rows.get(random.random_range(0..rows.len())) else { break };
        let count = row.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(row.as_bytes().get(..count).unwrap_or_default())?;
        left -= count as u64;
    }
    Ok(())
}

fn row(index: u32, random: &mut Xoshiro256PlusPlus) -> String {
    let sensor = ["hoist", "trolley", "gantry", "spreader", "boom"][index as usize % 5];
    let gain = random.random_range(9_000..11_000_u32);
    let offset = random.random_range(0..400_u32);
    format!(
        "{sensor}-encoder,channel {index:03},gain 0.{gain:05},offset {offset:04},unit mm,temperature 20 C,ok\n"
    )
}
