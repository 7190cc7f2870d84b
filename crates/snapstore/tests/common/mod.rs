//! Images, requests and what is left in a store's directory.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use snapstore::{Entry, Error, ImageSource, Options, Request, Store, Summary};

/// xorshift: bytes that do not compress, the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(length).collect()
    }
}

pub struct Bench {
    pub home: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub fn directory(&self) -> PathBuf {
        self.home.path().join("store")
    }

    pub fn store(&self) -> Store {
        Store::open(self.directory(), Options::default()).unwrap()
    }

    pub fn request(&self, id: &str, images: &[(&str, &[u8])]) -> Request {
        request(self.home.path(), id, images)
    }

    /// Names in the store's directory, without the lock.
    pub fn names(&self) -> Vec<String> {
        names(&self.directory())
    }
}

pub fn request(home: &Path, id: &str, images: &[(&str, &[u8])]) -> Request {
    let source = |(name, bytes): &(&str, &[u8])| {
        let path = home.join(format!("{id}-{name}.img"));
        std::fs::write(&path, bytes).unwrap();
        ImageSource { name: (*name).to_owned(), path, length: bytes.len() as u64 }
    };
    Request { id: id.to_owned(), images: images.iter().map(source).collect(), ..Request::default() }
}

pub fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
    names.sort();
    names
}

pub fn read(store: &Store, id: &str, image: &str) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    store.read_image(id, image, &|| false, |bytes| {
        all.extend_from_slice(bytes);
        Ok::<_, Error>(())
    })?;
    Ok(all)
}

pub fn whole(store: &Store) -> Vec<Summary> {
    let entries = store.list().unwrap().into_iter();
    let whole = entries.map(|entry| match entry {
        Entry::Whole(summary) => summary,
        Entry::Damaged { id, error } => panic!("{id} is damaged: {error}"),
    });
    whole.collect()
}
