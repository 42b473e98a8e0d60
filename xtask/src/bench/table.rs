//! The rows: goal, measured, baseline, met or missed.

/// What became of a goal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    NoGoal,
}

struct Row {
    what: String,
    goal: String,
    measured: String,
    baseline: String,
    verdict: Verdict,
}

/// All rows of a run, printed when they come and once more at the end.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// A figure that must not exceed its goal; `baseline` is the same without the operator.
    pub(super) fn at_most(&mut self, what: &str, unit: &str, goal: f64, measured: f64, baseline: &str) {
        let figure = |figure: String| format!("{figure} {unit}").trim_end().to_owned();
        self.add(what, figure(format!("≤ {goal}")), figure(format!("{measured:.2}")), baseline, measured <= goal);
    }

    /// A figure that must reach its goal.
    pub(super) fn at_least(&mut self, what: &str, unit: &str, goal: f64, measured: f64, baseline: &str) {
        self.add(what, format!("≥ {goal} {unit}"), format!("{measured:.1} {unit}"), baseline, measured >= goal);
    }

    /// A figure without a goal, which explains others.
    pub(super) fn note(&mut self, what: &str, measured: &str, baseline: &str) {
        let row = Row {
            what: what.to_owned(),
            goal: "-".to_owned(),
            measured: measured.to_owned(),
            baseline: baseline.to_owned(),
            verdict: Verdict::NoGoal,
        };
        println!("    {}", row.line());
        self.rows.push(row);
    }

    /// Prints all of it as a table (Markdown), and how many goals are met.
    pub(super) fn print(&self) {
        println!("\n| what | goal | measured | baseline | |\n|---|---|---|---|---|");
        for row in &self.rows {
            println!("{}", row.line());
        }
        let met = self.rows.iter().filter(|row| row.verdict == Verdict::Met).count();
        let goals = self.rows.iter().filter(|row| row.verdict != Verdict::NoGoal).count();
        println!("\n{met} of {goals} goals met");
    }

    fn add(&mut self, what: &str, goal: String, measured: String, baseline: &str, met: bool) {
        let verdict = if met { Verdict::Met } else { Verdict::Missed };
        let row = Row { what: what.to_owned(), goal, measured, baseline: baseline.to_owned(), verdict };
        println!("    {}", row.line());
        self.rows.push(row);
    }
}

impl Row {
    fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "**missed**",
            Verdict::NoGoal => "-",
        };
        format!("| {} | {} | {} | {} | {verdict} |", self.what, self.goal, self.measured, self.baseline)
    }
}
