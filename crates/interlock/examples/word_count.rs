//! Worker processes count the words of the files of this crate.
//!
//! Run it with `cargo run --release -p interlock --example word_count`.
//!
//! A worker is this program, started once more: there, `serve` does not return. Each file is a task, and the
//! results are awaited in their order.

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use interlock::process::{ProcessPool, Registry};

/// Returns the words of a file, and how often each is there. An error is a result like others.
fn count(file: PathBuf) -> Result<HashMap<String, u32>, String> {
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut counts = HashMap::new();
    for word in text
        .split(|it: char| !it.is_alphabetic())
        .filter(|word| word.len() > 4)
    {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    Ok(counts)
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files_below(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut registry = Registry::new();
    let count = registry.register("count", count);
    registry.serve();

    let mut files = vec![PathBuf::from("/no/such/file")];
    files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files)?;

    let pool = ProcessPool::new(4)?;
    let tasks: Vec<_> = (files.iter())
        .map(|file| pool.submit(count, file))
        .collect::<Result<_, _>>()?;
    let mut all: HashMap<String, u32> = HashMap::new();
    for task in tasks {
        match task.result()? {
            Ok(counts) => counts
                .into_iter()
                .for_each(|(word, count)| *all.entry(word).or_default() += count),
            Err(message) => println!("{message}"),
        }
    }
    let mut words: Vec<_> = all.into_iter().collect();
    words.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    println!("{} different words in {} files", words.len(), files.len() - 1);
    for (word, count) in words.iter().take(5) {
        println!("{count:6} {word}");
    }
    pool.join()?;
    Ok(())
}
