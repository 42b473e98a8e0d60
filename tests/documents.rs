//! The threat model and the list of advisories keep their word: the tests that they name exist and run, no rule is
//! left out, and whatever does not hold says why.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed assertion is how a test fails")]

#[path = "documents/metrics.rs"]
mod metrics;

use std::collections::BTreeSet;
use std::path::Path;

/// The rules of the security design have the numbers from 1 to this one.
const RULES: usize = 28;
const THREAT_MODEL: &str = "docs/threat-model.md";
const ADVISORIES: &str = "docs/advisories.md";
const RULE_STATES: &[&str] = &["holds", "partly", "later"];
const ADVISORY_STATES: &[&str] = &["holds", "partly", "open", "not applicable"];

/// Names of what runs: test functions, and stories against a real API server.
#[derive(Default)]
struct Tests {
    functions: BTreeSet<String>,
    stories: BTreeSet<String>,
}

/// One row of a table with the columns `tests` and `state`.
struct Row<'a> {
    first_column: &'a str,
    name: &'a str,
    tests: &'a str,
    state: &'a str,
}

#[test]
fn what_the_threat_model_says_of_its_tests_is_true() {
    assert_nothing(&problems(&read(THREAT_MODEL), RULE_STATES, &tests()));
}

#[test]
fn every_rule_is_in_the_threat_model_once() {
    assert_nothing(&uncounted_rules(&read(THREAT_MODEL)));
}

#[test]
fn what_the_advisories_say_of_their_tests_is_true() {
    let document = read(ADVISORIES);
    assert_nothing(&problems(&document, ADVISORY_STATES, &tests()));
    assert!(rows(&document).0.len() > 90, "advisories were lost, or are not read any more");
}

#[test]
fn the_readme_leads_to_both() {
    let readme = read("README.md");
    assert!(readme.contains(&format!("]({THREAT_MODEL})")) && readme.contains(&format!("]({ADVISORIES})")));
}

/// Everything that is wrong with a document, one line each.
fn problems(document: &str, states: &[&str], tests: &Tests) -> Vec<String> {
    let (rows, mut problems) = rows(document);
    problems.extend(rows.iter().flat_map(|row| row.problems(states, tests)));
    let exists = |name: &str| tests.functions.contains(name) || tests.stories.contains(name);
    // In prose, too, such a long name is that of a test.
    let sentences = quoted(document).filter(|name| is_sentence(name) && !exists(name));
    problems.extend(sentences.map(|name| format!("there is no test {name}")));
    problems.sort();
    problems.dedup();
    problems
}

fn uncounted_rules(document: &str) -> Vec<String> {
    let count = |number: usize| rows(document).0.iter().filter(|row| row.first_column == "#" && row.name == number.to_string()).count();
    (1..=RULES).filter(|number| count(*number) != 1).map(|number| format!("rule {number} has {} rows", count(number))).collect()
}

/// The rows whose tests are told, and what is wrong with the others.
fn rows(document: &str) -> (Vec<Row<'_>>, Vec<String>) {
    let (mut rows, mut broken) = (Vec::new(), Vec::new());
    let mut header: Option<Vec<&str>> = None;
    for line in document.lines() {
        let Some(cells) = cells(line) else {
            header = None;
            continue;
        };
        let Some(header) = &header else {
            header = Some(cells);
            continue;
        };
        let column = |name: &str| header.iter().position(|column| *column == name);
        let (Some(tests), Some(state)) = (column("tests"), column("state")) else { continue };
        if cells.iter().all(|cell| cell.starts_with("---")) {
            continue;
        }
        match (header.first(), cells.first(), cells.get(tests), cells.get(state)) {
            (Some(first_column), Some(name), Some(tests), Some(state)) if cells.len() == header.len() => {
                rows.push(Row { first_column, name, tests, state });
            }
            _ => broken.push(format!("a row has {} cells in place of {}: {line}", cells.len(), header.len())),
        }
    }
    (rows, broken)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

impl Row<'_> {
    fn problems(&self, states: &[&str], tests: &Tests) -> Vec<String> {
        let (functions, stories) = self.tests.split_once("e2e:").unwrap_or((self.tests, ""));
        let unknown = quoted(functions).filter(|name| !tests.functions.contains(*name)).map(|name| format!("there is no test {name}"));
        let untold = quoted(stories).filter(|name| !tests.stories.contains(*name)).map(|name| format!("there is no story {name}"));
        let found = unknown.chain(untold).chain(self.stray_text()).chain(self.state_problem(states));
        found.map(|problem| format!("{}: {problem}", self.name)).collect()
    }

    /// A name that is not quoted would not be looked for.
    fn stray_text(&self) -> Option<String> {
        let outside = |text: &str| ["", ",", "e2e:", "; e2e:"].contains(&text.trim());
        let is_clean = self.tests.matches('`').count().is_multiple_of(2) && self.tests.split('`').step_by(2).all(outside);
        (!is_clean).then(|| "tests are quoted names with commas, those of stories behind \"e2e:\"".to_owned())
    }

    fn state_problem(&self, states: &[&str]) -> Option<String> {
        let (state, reason) = self.state.split_once(": ").unwrap_or((self.state, ""));
        let problem = match (state, quoted(self.tests).count()) {
            _ if !states.contains(&state) => format!("{state:?} is none of the states {}", states.join(", ")),
            ("holds", 0) => "what holds has a test".to_owned(),
            ("holds", _) if self.state != "holds" => "what holds has no reservations".to_owned(),
            ("holds", _) => return None,
            _ if reason.trim().is_empty() => format!("{state} says why"),
            _ => return None,
        };
        Some(problem)
    }
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_sentence(name: &str) -> bool {
    name.matches('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Everything that runs as a test in this repository.
fn tests() -> Tests {
    let mut tests = Tests::default();
    for folder in ["src", "crates", "fuzz", "tests", "testbed", "xtask"] {
        collect(&repository().join(folder), &mut tests);
    }
    assert!(tests.functions.len() > 300 && tests.stories.len() > 80, "tests are not found any more");
    tests
}

fn collect(folder: &Path, tests: &mut Tests) {
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            tests.functions.extend(functions(&text));
            if path.parent().is_some_and(|folder| folder.ends_with("tests/e2e")) {
                tests.stories.extend(stories(&text));
            }
        }
    }
}

/// Functions with a test attribute that is not switched off.
fn functions(text: &str) -> Vec<String> {
    let (mut names, mut is_test, mut is_ignored) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            is_ignored |= line.starts_with("#[ignore");
        } else if !line.is_empty() && !line.starts_with("//") {
            let name =
                line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            names.extend(name.filter(|_| is_test && !is_ignored).map(str::to_owned));
            (is_test, is_ignored) = (false, false);
        }
    }
    names
}

/// The names in `Story { name: "...", .. }`.
fn stories(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let name = |rest: &str| rest.trim_start().strip_prefix("name: \"")?.split('"').next().map(str::to_owned);
    code.split("Story {").skip(1).filter_map(name).collect()
}

fn assert_nothing(problems: &[String]) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).expect("a readable file")
}

/// Each check can fail, and fails for the right reason.
mod checks {
    use super::{RULE_STATES, RULES, Tests, functions, problems, stories, uncounted_rules};

    fn known() -> Tests {
        Tests { functions: ["a_test".to_owned()].into(), stories: ["a_story".to_owned()].into() }
    }

    /// What is wrong with a row of tests and state.
    fn wrong(tests: &str, state: &str) -> Vec<String> {
        problems(&format!("| # | rule | tests | state |\n|---|---|---|---|\n| 1 | r | {tests} | {state} |\n"), RULE_STATES, &known())
    }

    #[test]
    fn a_row_that_is_true_is_fine() {
        assert!(wrong("`a_test`, `a_test`; e2e: `a_story`", "holds").is_empty());
        assert!(wrong("e2e: `a_story`", "partly: no `fourth_rate_test` of a kind").is_empty());
        assert!(wrong("", "later: waits").is_empty());
    }

    #[test]
    fn a_test_that_does_not_exist_is_found() {
        assert_eq!(wrong("`a_test`, `gone`", "holds"), ["1: there is no test gone"]);
        assert_eq!(wrong("e2e: `gone`", "holds"), ["1: there is no story gone"]);
    }

    #[test]
    fn a_story_is_no_function_and_a_function_is_no_story() {
        assert_eq!(wrong("`a_story`; e2e: `a_test`", "holds"), ["1: there is no story a_test", "1: there is no test a_story"]);
    }

    #[test]
    fn a_name_without_its_quotes_is_found() {
        for tests in ["gone", "`a_test` gone", "`a_test`, `gone", "gone e2e: `a_story`"] {
            assert!(!wrong(tests, "holds").is_empty(), "{tests}");
        }
    }

    #[test]
    fn a_state_that_is_not_allowed_is_found() {
        assert_eq!(wrong("`a_test`", "open: why"), ["1: \"open\" is none of the states holds, partly, later"]);
        assert_eq!(wrong("`a_test`", ""), ["1: \"\" is none of the states holds, partly, later"]);
    }

    #[test]
    fn what_holds_has_a_test_and_everything_else_a_reason() {
        assert_eq!(wrong("", "holds"), ["1: what holds has a test"]);
        assert_eq!(wrong("`a_test`", "holds: mostly"), ["1: what holds has no reservations"]);
        assert_eq!(wrong("`a_test`", "partly"), ["1: partly says why"]);
        assert_eq!(wrong("", "later: "), ["1: \"later:\" is none of the states holds, partly, later"]);
    }

    #[test]
    fn a_row_that_lost_a_cell_is_found() {
        let found = problems("| # | tests | state |\n|---|---|---|\n| 1 | `gone` |\n", RULE_STATES, &known());
        assert_eq!(found, ["a row has 2 cells in place of 3: | 1 | `gone` |"]);
    }

    #[test]
    fn a_test_that_prose_names_exists_too() {
        assert_eq!(problems("See `a_test_that_is_gone`.", RULE_STATES, &known()), ["there is no test a_test_that_is_gone"]);
    }

    #[test]
    fn a_rule_that_is_missing_or_there_twice_is_found() {
        let table = |numbers: &[usize]| {
            let rows: Vec<_> = numbers.iter().map(|number| format!("| {number} | | later: why |")).collect();
            format!("| # | tests | state |\n|---|---|---|\n{}", rows.join("\n"))
        };
        let all: Vec<usize> = (1..=RULES).collect();
        assert!(uncounted_rules(&table(&all)).is_empty());
        assert_eq!(uncounted_rules(&table(&[&all[1..], &[5]].concat())), ["rule 1 has 0 rows", "rule 5 has 2 rows"]);
        // The same number in another table is no rule.
        assert_eq!(uncounted_rules(&table(&all).replace('#', "what")).len(), RULES);
    }

    #[test]
    fn only_functions_that_run_as_tests_are_tests() {
        let text = "#[test]\nfn one() {}\n#[tokio::test]\n// why\n#[allow(x)]\nasync fn two() {}\nfn helper() {}\n\
            #[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n// #[test]\n// fn commented() {}\n#[test]\n\npub fn three() {}";
        assert_eq!(functions(text), ["one", "two", "three"]);
    }

    #[test]
    fn only_stories_in_a_list_are_stories() {
        let text =
            "Story { name: \"one\", run: one },\nStory {\n    name: \"two\",\n},\n// Story { name: \"old\" }\nKind { name: \"Job\" }";
        assert_eq!(stories(text), ["one", "two"]);
    }
}
