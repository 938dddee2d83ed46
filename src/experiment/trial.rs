//! An experiment with its task: how it is evaluated, and the run.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::error::Error;
use crate::experiment::crowd::Crowd;
use crate::experiment::evaluation::{Evaluator, RunEvaluator};
use crate::experiment::plan::Prepared;
use crate::experiment::report::Given;
use crate::experiment::shelter::{sheltered, words};
use crate::experiment::{Case, Evaluation, Failure, Item, Plan, Progress, Report, Row};
use crate::langfuse::client::wait;
use crate::manual::{Experiment, Handle};
use crate::model::{Kind, Level, Score, ScoreValue, Subject};

/// An experiment that is about to run, with its task. Made by [`Plan::task`].
#[must_use = "nothing runs before run()"]
pub struct Trial<'a, T, O> {
    plan: Plan,
    task: T,
    evaluators: Vec<Evaluator<'a, O>>,
    run_evaluators: Vec<RunEvaluator<'a, O>>,
}

/// The name of an item's trace and of its root, as in Langfuse's SDKs.
const ROOT: &str = "experiment-item-run";

impl<'a, T, O> Trial<'a, T, O> {
    pub(super) fn new(plan: Plan, task: T) -> Self {
        Self {
            plan,
            task,
            evaluators: Vec::new(),
            run_evaluators: Vec::new(),
        }
    }

    /// What judges each item that did not fail, under a name: [`Evaluation`] says what it may answer. Evaluators are asked in the
    /// order in which they are given here, and [see](Case::scores) what those before them said.
    pub fn evaluator<V: Evaluation>(
        mut self,
        name: impl Into<String>,
        judge: impl Fn(&Case<O>) -> V + Send + Sync + 'a,
    ) -> Self {
        self.evaluators.push(Evaluator::new(name, judge));
        self
    }

    /// The same for one that waits: for a model that judges, say.
    pub fn async_evaluator<V: Evaluation, F: Future<Output = V> + Send + 'a>(
        mut self,
        name: impl Into<String>,
        judge: impl Fn(Case<O>) -> F + Send + Sync + 'a,
    ) -> Self {
        self.evaluators.push(Evaluator::asynchronous(name, judge));
        self
    }

    /// What judges the whole run, when all items are done.
    pub fn run_evaluator<V: Evaluation>(
        mut self,
        name: impl Into<String>,
        judge: impl Fn(&[Row<O>]) -> V + Send + Sync + 'a,
    ) -> Self {
        self.run_evaluators.push(RunEvaluator::new(name, judge));
        self
    }

    /// Runs it, and sends what was recorded, as [`Pipeline::flush`](crate::Pipeline::flush) does. Dropped before its end, it gives up
    /// what is running, of which the traces say `cancelled`; what is done stays recorded.
    ///
    /// # Errors
    ///
    /// There are no items: neither items nor a dataset are named, or there is no Langfuse for the dataset
    /// ([`Error::is_invalid_value`]), or no such dataset ([`Error::is_not_found`]), or the pipeline was shut down
    /// ([`Error::is_system`]); else as [`auth_check`](crate::Langfuse::auth_check) tells apart. Once items run, nothing is an error any more.
    pub async fn run<F, E>(mut self) -> Result<Report<O>, Error>
    where
        T: Fn(Item) -> F,
        F: Future<Output = Result<O, E>>,
        O: Serialize,
        E: fmt::Display,
    {
        let Prepared {
            experiment,
            dataset,
            items,
        } = self.plan.prepare().await?;
        let begun = self.now();
        let mut progress = Progress {
            name: self.plan.name.clone(),
            items: items.len(),
            done: 0,
            failed: 0,
            elapsed: Duration::ZERO,
        };
        self.tell(&progress);
        let runs = (0..).zip(items).map(|(at, item)| {
            let (this, experiment) = (&self, &experiment);
            async move { (at, this.item(experiment, item).await) }
        });
        let mut crowd = Crowd::new(runs, self.plan.concurrency);
        let mut rows: Vec<(usize, Row<O>)> = Vec::with_capacity(progress.items);
        while let Some((at, row)) = crowd.next().await {
            progress.done += 1;
            progress.failed += usize::from(row.outcome.is_err());
            progress.elapsed = self.since(begun);
            self.tell(&progress);
            rows.push((at, row));
        }
        rows.sort_by_key(|(at, _)| *at);
        let rows = rows.into_iter().map(|(_, row)| row).collect();
        let mut report = Report {
            name: self.plan.name.clone(),
            id: experiment.id().to_owned(),
            dataset,
            evaluators: self.evaluators.iter().map(|it| Arc::clone(&it.name)).collect(),
            rows,
            scores: Vec::new(),
            faults: Vec::new(),
            took: Duration::ZERO,
            url: None,
            delivery: Default::default(),
        };
        self.judge_run(&mut report);
        report.took = self.since(begun);
        report.delivery = self.plan.pipeline.flush().await;
        self.find_pages(&mut report).await;
        Ok(report)
    }

    /// [`run`](Self::run) for code that is not async, and tasks that need no runtime.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn run_blocking<F, E>(self) -> Result<Report<O>, Error>
    where
        T: Fn(Item) -> F,
        F: Future<Output = Result<O, E>>,
        O: Serialize,
        E: fmt::Display,
    {
        wait::wait(Duration::MAX, self.run())
    }

    async fn item<F, E>(&self, experiment: &Experiment, item: Item) -> Row<O>
    where
        T: Fn(Item) -> F,
        F: Future<Output = Result<O, E>>,
        O: Serialize,
        E: fmt::Display,
    {
        let pipeline = &self.plan.pipeline;
        let mut known = experiment.item(item.id());
        if !item.expected_output().is_null() {
            known = known.expected_output(item.expected_output());
        }
        if !item.metadata().is_null() {
            known = known.metadata(item.metadata());
        }
        let root = pipeline.trace(ROOT).experiment(&known).start();
        root.trace().environment(&self.plan.environment);
        root.input(item.input());
        let handle = root.handle();
        let begun = self.now();
        let work = async {
            let answered = (self.task)(item.clone()).await;
            answered.map_err(|error| format!("{error:#}"))
        };
        let outcome = sheltered(pipeline, &handle, self.plan.timeout, work).await;
        let latency = self.since(begun);
        match &outcome {
            Ok(output) => drop(root.output(output)),
            Err(failure) => failed(&handle, failure),
        }
        // Ended with the task: its length is the task's.
        root.end();
        let outcome = outcome.map(|output| Case {
            item: item.clone(),
            output: Arc::new(output),
            latency,
            trace_id: handle.trace_id(),
            root_id: handle.id(),
            said: Arc::default(),
        });
        let mut row = Row {
            item,
            trace_id: handle.trace_id(),
            root_id: handle.id(),
            latency,
            outcome,
            scores: Vec::new(),
            faults: Vec::new(),
            trace_url: None,
        };
        if let Ok(case) = &row.outcome {
            for evaluator in &self.evaluators {
                let said = row.scores.iter().map(|given| given.score.clone()).collect();
                let case = Case { said, ..case.clone() };
                match self.judge(&handle, evaluator, &case).await {
                    Ok(scores) => row.scores.extend(scores),
                    Err(failure) => row.faults.push((Arc::clone(&evaluator.name), failure)),
                }
            }
        }
        row
    }

    /// One evaluator on one item: an observation below the item's root, and scores of that.
    async fn judge(
        &self,
        root: &Handle,
        evaluator: &Evaluator<'a, O>,
        case: &Case<O>,
    ) -> Result<Vec<Given>, Failure> {
        let observation = root.observation(Kind::Evaluator, &*evaluator.name).start();
        let handle = observation.handle();
        let work = async { evaluator.judge(case.clone()).await };
        let given = sheltered(&self.plan.pipeline, &handle, self.plan.timeout, work).await;
        let given = given.and_then(|scores| {
            let subject = Subject::Observation(case.trace_id, case.root_id);
            scores
                .into_iter()
                .map(|score| sound(score, &subject))
                .collect::<Result<Vec<_>, _>>()
        });
        match &given {
            Ok(scores) => {
                observation.output(scores.iter().map(described).collect::<Map<_, _>>());
            }
            Err(failure) => failed(&handle, failure),
        }
        let by = &evaluator.name;
        let given = given?.into_iter().map(|score| {
            root.score(score.clone());
            Given {
                by: Arc::clone(by),
                score,
            }
        });
        Ok(given.collect())
    }

    fn judge_run(&self, report: &mut Report<O>) {
        let run = Subject::DatasetRun(report.id.clone());
        for evaluator in &self.run_evaluators {
            let given = catch_unwind(AssertUnwindSafe(|| (evaluator.judge)(&report.rows)));
            let given = given.map_err(|panic| Failure::Panic(words(&*panic)));
            let given = given.and_then(|given| given.map_err(Failure::Error));
            let sound = given.and_then(|scores| {
                let sound = scores.into_iter().map(|score| sound(score, &run));
                sound.collect::<Result<Vec<_>, _>>()
            });
            match sound {
                Ok(scores) => {
                    for score in scores {
                        let sent = score.clone().or_on(|| Some(run.clone()));
                        let sent = sent.or_environment(Some(&self.plan.environment));
                        self.plan.pipeline.score(sent);
                        report.scores.push(score);
                    }
                }
                Err(failure) => report.faults.push((Arc::clone(&evaluator.name), failure)),
            }
        }
    }

    /// Where it is shown. A Langfuse that does not take what it is sent is not asked.
    async fn find_pages(&self, report: &mut Report<O>) {
        let Some(langfuse) = self
            .plan
            .pipeline
            .langfuse()
            .filter(|_| report.delivery.pending() == 0)
        else {
            return;
        };
        report.url = langfuse.experiment_url(&report.id).await.ok();
        for row in &mut report.rows {
            row.trace_url = langfuse.known_trace_url(row.trace_id);
        }
    }

    fn tell(&self, progress: &Progress) {
        if let Some(listener) = &self.plan.progress {
            // The user's code; the run goes on.
            let _ = catch_unwind(AssertUnwindSafe(|| listener(progress)));
        }
    }

    fn now(&self) -> u64 {
        self.plan.pipeline.source().clock.monotonic()
    }

    fn since(&self, begun: u64) -> Duration {
        Duration::from_nanos(self.now().saturating_sub(begun))
    }
}

impl<T, O> fmt::Debug for Trial<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.evaluators.iter().map(|evaluator| &evaluator.name);
        f.debug_struct("Trial")
            .field("plan", &self.plan)
            .field("evaluators", &names.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

fn failed(observation: &Handle, failure: &Failure) {
    observation
        .level(Level::Error)
        .status_message(failure.to_string());
}

/// The score, if it can be one: what the server does not take it drops without a word.
fn sound(score: Score, subject: &Subject) -> Result<Score, Failure> {
    let checked = score.clone().or_on(|| Some(subject.clone()));
    match checked.ready(SystemTime::now()) {
        Ok(_) => Ok(score),
        Err(error) => Err(Failure::Error(error.to_string())),
    }
}

/// What an evaluator's observation shows of a score.
fn described(score: &Score) -> (String, Value) {
    let value = match score.value() {
        ScoreValue::Numeric(number) => json!(number),
        ScoreValue::Boolean(yes) => json!(yes),
        ScoreValue::Categorical(text) | ScoreValue::Text(text) | ScoreValue::Correction(text) => json!(text),
    };
    (score.name().to_owned(), value)
}
