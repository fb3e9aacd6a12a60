//! Computes the checksum of every file of a tree, on a pool of threads.
//!
//! Run it with `cargo run --release -p interlock --example checksums -- FOLDER`; without a folder it takes this crate's.
//!
//! The main thread walks the tree and submits a task for each file. When it is too far ahead of the workers, it
//! waits. Large files have priority, so that none of them is started last. A file that cannot be read is the error
//! of its own task, and the total depends only on the order of the names.

use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{error, fs, io};

use interlock::pool::{Stats, Task, ThreadPool};

/// Files from this size on are large, in bytes.
const LARGE: u64 = 1 << 16;

/// FNV-1a: short, and good enough to show.
fn checksum(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A file, and the task that reads it.
type Reading = (PathBuf, Task<io::Result<u64>>);

fn walk(pool: &ThreadPool, folder: &Path, readings: &mut Vec<Reading>) -> Result<(), Box<dyn error::Error>> {
    for entry in fs::read_dir(folder)? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if kind.is_dir() {
            walk(pool, &path, readings)?;
        } else if kind.is_file() {
            let priority = if kind.len() >= LARGE { -1 } else { 0 };
            let its = path.clone();
            let task = pool.at(priority).submit(move || fs::read(its).map(checksum))?;
            readings.push((path, task));
        }
    }
    Ok(())
}

/// Returns the checksum of all files below `folder`, with their names, and the statistics of the pool.
fn tree(folder: &Path) -> Result<(u64, Stats), Box<dyn error::Error>> {
    let pool = ThreadPool::builder().name("checksum").max_pending(64).build();
    let mut readings = Vec::new();
    walk(&pool, folder, &mut readings)?;
    readings.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut all = Vec::new();
    for (path, task) in readings {
        match task.result()? {
            Ok(sum) => {
                println!("{sum:016x}  {}", path.display());
                all.extend(path.strip_prefix(folder)?.as_os_str().as_encoded_bytes());
                all.extend(sum.to_le_bytes());
            }
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
    Ok((checksum(all), pool.stats()))
}

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = std::env::args_os().nth(1);
    let folder = folder.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/src").into());
    let began = Instant::now();
    let (sum, stats) = tree(Path::new(&folder))?;
    println!(
        "{sum:016x}  in all: {} files, {} workers, {:?}",
        stats.done,
        stats.workers,
        began.elapsed()
    );
    Ok(())
}

#[test]
fn a_tree_has_one_checksum() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    let trees = [tree(folder), tree(folder)].map(Result::unwrap);
    assert_eq!(trees[0].0, trees[1].0);
    assert!(trees[0].1.done >= 3 && trees[0].1.failed == 0);
    assert_eq!(checksum(*b"a"), 0xaf63_dc4c_8601_ec8c);
}
