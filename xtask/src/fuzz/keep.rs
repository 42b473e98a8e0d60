//! Which found inputs are worth committing: few and small, each with much that no other one reaches.
//!
//! Inputs with a name were written by people and stay. Those that libFuzzer named (by the SHA-1 of their bytes) are chosen
//! anew each time, from the committed ones and the found ones together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{FOUND, Target};

/// The limits that the test in `fuzz/` holds.
const MOST_FILES: usize = 30;
const MOST_BYTES: u64 = 100 * 1024;

/// An input with what it reaches.
struct Input {
    path: PathBuf,
    bytes: u64,
    reached: BTreeSet<u64>,
}

/// Chooses the committed corpus of one target.
pub(super) fn keep(target: &Target) -> Result<()> {
    let inputs = measure(target)?;
    let (named, found): (Vec<Input>, Vec<Input>) = inputs.into_iter().partition(|input| !is_found(&input.path));
    let chosen: Vec<PathBuf> = choose(&named, found).into_iter().map(|input| input.path).collect();
    let mut kept = BTreeSet::new();
    for path in &chosen {
        let name = path.file_name().context("an input without a name")?;
        let place = target.committed.join(name);
        if !place.exists() {
            fs::copy(path, &place).with_context(|| place.display().to_string())?;
        }
        kept.insert(place);
    }
    for entry in fs::read_dir(&target.committed)? {
        let path = entry?.path();
        if is_found(&path) && !kept.contains(&path) {
            fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    println!("{:<18} {} inputs kept beside {} with a name", target.name, kept.len(), named.len());
    Ok(())
}

/// Has libFuzzer run every input once and write down what each reaches.
fn measure(target: &Target) -> Result<Vec<Input>> {
    let (control, merged) = (target.scratch.join("reached"), target.scratch.join("merged"));
    for old in [&control, &target.scratch.join("merge.log")] {
        fs::remove_file(old).or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    fs::create_dir_all(&merged)?;
    let mut command = target.command(&target.scratch.join("merge.log"))?;
    // Without counters an input counts by what it reaches, not by how often.
    command.args(["-merge=1", "-use_counters=0"]).arg(format!("-merge_control_file={}", control.display()));
    command.arg(&merged).arg(&target.committed).arg(target.scratch.join(FOUND));
    let status = command.status().with_context(|| format!("cannot start {}", target.program.display()))?;
    ensure!(status.success(), "{}: the inputs could not be measured; the log is in {}", target.name, target.scratch.display());
    fs::remove_dir_all(&merged)?;
    let text = fs::read_to_string(&control).with_context(|| control.display().to_string())?;
    let mut inputs = read(&text);
    for input in &mut inputs {
        input.bytes = fs::metadata(&input.path).with_context(|| input.path.display().to_string())?.len();
    }
    Ok(inputs)
}

/// Reads a control file: two counts, the paths, then lines `FT index feature...`.
fn read(control: &str) -> Vec<Input> {
    let mut lines = control.lines();
    let count = lines.next().and_then(|line| line.parse().ok()).unwrap_or_default();
    let paths = lines.by_ref().skip(1).take(count);
    let mut inputs: Vec<Input> = paths.map(|path| Input { path: path.into(), bytes: 0, reached: BTreeSet::new() }).collect();
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("FT") {
            continue;
        }
        let input = words.next().and_then(|index| index.parse::<usize>().ok()).and_then(|index| inputs.get_mut(index));
        if let Some(input) = input {
            input.reached.extend(words.filter_map(|feature| feature.parse::<u64>().ok()));
        }
    }
    inputs
}

/// Always the one that adds most, within the limits that the named ones leave.
fn choose(named: &[Input], mut found: Vec<Input>) -> Vec<Input> {
    let mut reached: BTreeSet<u64> = named.iter().flat_map(|input| &input.reached).copied().collect();
    let mut bytes: u64 = named.iter().map(|input| input.bytes).sum();
    let mut chosen = Vec::new();
    while named.len() + chosen.len() < MOST_FILES {
        found.retain(|input| bytes + input.bytes <= MOST_BYTES);
        let adds = |input: &Input| input.reached.difference(&reached).count();
        let best = found.iter().enumerate().max_by_key(|(_, input)| (adds(input), std::cmp::Reverse(input.bytes)));
        let Some(at) = best.filter(|(_, input)| adds(input) > 0).map(|(at, _)| at) else { break };
        let input = found.swap_remove(at);
        reached.extend(&input.reached);
        bytes += input.bytes;
        chosen.push(input);
    }
    chosen
}

/// Whether libFuzzer gave the name.
fn is_found(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Input, MOST_BYTES, choose, is_found, read};

    fn input(name: &str, bytes: u64, reached: &[u64]) -> Input {
        Input { path: name.into(), bytes, reached: reached.iter().copied().collect() }
    }

    fn chosen(named: &[Input], found: Vec<Input>) -> Vec<String> {
        choose(named, found).into_iter().map(|input| input.path.display().to_string()).collect()
    }

    #[test]
    fn the_input_that_adds_most_comes_first_and_one_that_adds_nothing_does_not() {
        let found = || vec![input("a", 1, &[1, 2]), input("b", 1, &[1, 2, 3]), input("c", 1, &[4]), input("d", 9, &[4])];
        assert_eq!(chosen(&[], found()), ["b", "c"]);
        assert_eq!(chosen(&[input("named", 1, &[1, 2, 3])], found()), ["c"]);
    }

    #[test]
    fn the_limits_hold_with_the_named_inputs() {
        assert_eq!(chosen(&[input("named", MOST_BYTES, &[1])], vec![input("a", 1, &[2])]), Vec::<String>::new());
        let many = (0..100).map(|at| input("x", 1, &[at])).collect();
        assert_eq!(chosen(&[input("named", 1, &[1000])], many).len(), 29);
    }

    #[test]
    fn a_control_file_is_read() {
        let inputs = read("2\n0\n/x/a b\n/y\nSTARTED 0 3\nFT 0 7 8\nCOV 0 1\nSTARTED 1 1\nFT 1\n");
        let read: Vec<_> = inputs.iter().map(|input| (input.path.as_path(), input.reached.clone())).collect();
        assert_eq!(read, [(Path::new("/x/a b"), BTreeSet::from([7, 8])), (Path::new("/y"), BTreeSet::new())]);
    }

    #[test]
    fn a_name_of_libfuzzer_is_told_from_one_of_people() {
        assert!(is_found(Path::new("/c/0c4ca3dd99e1eb1779d303b464767080529700c8")));
        assert!(!is_found(Path::new("/c/two-signatures")));
    }
}
