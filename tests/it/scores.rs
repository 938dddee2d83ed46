//! Scores that are awaited: what is sent, by which way, and what becomes of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tracing_llm::langfuse::{NewScoreConfig, Scored};
use tracing_llm::{Error, Langfuse, Score, ScoreKind, SpanId, TraceId};

use crate::support::receiver::{Answer, Receiver};
use crate::support::replay::{Replay, recorded};
use crate::support::scores::{body, taken};

const TRACE: &str = "ee55ac3466f446569b08dfa83f492f0a";
const OBSERVATION: &str = "ce4b531586c02b46";

fn trace() -> TraceId {
    TRACE.parse().unwrap()
}

fn observation() -> SpanId {
    OBSERVATION.parse().unwrap()
}

fn client_of(server: &Receiver) -> Langfuse {
    let keys = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY);
    keys.base_url(server.url()).build().unwrap()
}

#[test]
fn every_kind_of_score_is_sent_as_it_was_recorded() {
    let server = Replay::of(&["scores", "ingestion"]);
    let langfuse = server.client();
    let scores = [
        Score::new("relevance", 0.82)
            .on_observation(trace(), observation())
            .comment("close to the expected answer"),
        Score::new("helpful", true).on_trace(trace()),
        Score::new("user_satisfaction", "satisfied").on_trace(trace()),
        Score::text("remark", "Quick and friendly").on_trace(trace()),
        Score::correction("It left the depot today.").on_observation(trace(), observation()),
        Score::new("resolved", 1).on_session("session-537bee"),
        Score::new("user_rating", 0.8)
            .id("score-ee55ac3466f4")
            .on_trace(trace())
            .metadata("rating", 4)
            .environment("recorded")
            .comment("4 of 5"),
        Score::new("user_rating", 1)
            .id("score-ee55ac3466f4")
            .on_trace(trace()),
        Score::new("relevance-8e04", 0.5)
            .on_trace(trace())
            .config_id("13e3435e-7268-4c9e-a5b4-84755aa55750"),
        Score::new("queued", 1)
            .id("in-cb709b789aa5")
            .on_trace(trace())
            .at(SystemTime::now()),
    ];
    for score in scores {
        let scored = langfuse.score_blocking(score).unwrap();
        assert!(!scored.is_sampled_out() && !scored.id().is_empty());
    }
    langfuse.delete_score_blocking("score-ee55ac3466f4").unwrap();
    langfuse.delete_score_blocking("nobody-89235f").unwrap();
    assert_eq!(
        server.served(),
        [
            "numeric on an observation",
            "boolean on a trace",
            "categorical on a trace",
            "text",
            "correction",
            "on a session",
            "with id, metadata, environment",
            "the same id again, new value",
            "score under a config",
            "scores accepted",
            "delete",
            "delete, unknown",
        ]
    );
}

#[test]
fn a_batch_carries_ids_times_and_everything_that_is_said() {
    let server = Receiver::new(taken);
    let langfuse = Langfuse::builder(Receiver::PUBLIC_KEY, Receiver::SECRET_KEY)
        .base_url(server.url())
        .environment("Prod")
        .build()
        .unwrap();
    let time = UNIX_EPOCH + Duration::from_millis(1_767_225_600_250);
    let scored = langfuse
        .score_all_blocking([
            Score::new("user_rating", 0.8)
                .on_trace(trace())
                .key("u-1")
                .at(time)
                .comment("Good, but slow")
                .metadata("rating", 4)
                .queue_id("queue-1"),
            Score::new("cost", 0.1_f32)
                .on_dataset_run("run-1")
                .id("own")
                .at(time)
                .environment("eu"),
        ])
        .unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].path, "/api/public/ingestion");
    let mut sent = body(&requests[0]);
    for event in sent["batch"].as_array_mut().unwrap() {
        assert!(event["id"].take().as_str().unwrap().len() < 40);
    }
    let key = "96aa0811-4c60-8dd9-b831-cd9be72535a2";
    assert_eq!(
        sent,
        json!({"batch": [
            {"id": null, "type": "score-create", "timestamp": "2026-01-01T00:00:00.250Z", "body": {
                "id": key, "name": "user_rating", "value": 0.8, "traceId": TRACE, "comment": "Good, but slow",
                "metadata": {"rating": 4}, "environment": "prod", "queueId": "queue-1",
            }},
            {"id": null, "type": "score-create", "timestamp": "2026-01-01T00:00:00.250Z", "body": {
                "id": "own", "name": "cost", "value": 0.1, "datasetRunId": "run-1", "environment": "eu",
            }},
        ]})
    );
    assert_eq!(scored.iter().map(Scored::id).collect::<Vec<_>>(), [key, "own"]);
}

#[test]
fn what_the_server_refuses_is_said_in_its_words() {
    const NO_SUBJECT: &str = "traceId.sessionId.datasetRunId.observationId: Provide exactly one of the following: traceId (with \
         optional observationId), sessionId or datasetRunId. ObservationId requires trace…";
    let refusals = recorded("scores");
    let refusals = refusals
        .iter()
        .filter(|it| it["response"]["status"] == 400 && it["request"]["method"] == "POST");
    let mut said = Vec::new();
    for refusal in refusals {
        let answer = refusal["response"]["json"].to_string();
        let server = Receiver::new(move |_| Answer::json(400, &answer));
        let score = Score::new("x", 1).on_trace(trace());
        let error = client_of(&server).score_blocking(score).unwrap_err();
        assert!(error.is_refused(), "{error}");
        assert_eq!(server.requests().len(), 1);
        let text = error.to_string();
        said.push(text.split_once("Invalid request data: ").unwrap().1.to_owned());
    }
    assert_eq!(
        said,
        [
            "Invalid input: expected object, received array",
            "name: Invalid input: expected string, received undefined",
            "value: Invalid input: expected string, received undefined",
            NO_SUBJECT,
            "value: Value must be a number equal to either 0 or 1 for data type BOOLEAN",
            "value: Invalid input: expected number, received string",
            "dataType: Invalid input",
            NO_SUBJECT,
        ]
    );
}

/// Each recorded or documented shape of a 207, and ones that nobody should send.
#[test]
fn every_answer_to_a_batch_is_read() {
    type Entries = fn(&[Value]) -> Value;
    let table: [(Entries, Result<(), &str>); 9] = [
        (
            |ids| json!({"successes": [{"id": ids[1], "status": 201}, {"id": ids[0], "status": 201}], "errors": []}),
            Ok(()),
        ),
        (
            |ids| {
                json!({"successes": [{"id": ids[0], "status": 201}], "errors": [{
                "id": ids[1], "status": 400, "message": "Invalid request data",
                "error": "[\n {\n \"expected\": \"string\", \"path\": [\"body\", \"name\"], \"message\": \"Invalid input\"}\n]"}]})
            },
            Err("1 of 2 scores were refused, the first: 400: Invalid request data: body.name: Invalid input"),
        ),
        (
            |ids| {
                json!({"successes": [], "errors": [
                {"id": ids[0], "status": 401, "message": "Access Scope Denied", "error": "Access Scope Denied"},
                {"id": ids[1], "status": 401, "message": "Access Scope Denied", "error": "Access Scope Denied"}]})
            },
            Err("2 of 2 scores were refused, the first: 401: Access Scope Denied"),
        ),
        (
            |ids| json!({"successes": [{"id": ids[0], "status": 201}], "errors": [{"id": ids[1], "status": 500}]}),
            Err("1 of 2 scores were refused, the first: 500: no reason given"),
        ),
        (
            |ids| json!({"successes": [{"id": ids[0], "status": 201}], "errors": [{"id": "unknown", "status": 400, "message": "Invalid"}]}),
            Err("1 of 2 scores were refused, the first: the server says nothing of it"),
        ),
        (
            |_| json!({"successes": [], "errors": []}),
            Err("2 of 2 scores were refused, the first: the server says nothing of it"),
        ),
        (
            |ids| json!({"successes": [{"id": ids[0], "status": 201}, {"id": ids[1], "status": 201}], "errors": [{"id": ids[1], "status": 404, "message": "Gone"}]}),
            Err("1 of 2 scores were refused, the first: 404: Gone"),
        ),
        (
            |_| json!({"successes": []}),
            Err("cannot send scores: {host} answered what a Langfuse does not answer to that"),
        ),
        (
            |_| json!([]),
            Err("cannot send scores: {host} answered what a Langfuse does not answer to that"),
        ),
    ];
    for (entries, expected) in table {
        let server = Receiver::new(move |request| {
            let sent = body(request);
            let ids: Vec<_> = sent["batch"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["id"].clone())
                .collect();
            Answer::json(207, &entries(&ids).to_string())
        });
        let scores = ["a", "b"].map(|name| Score::new(name, 1).on_trace(trace()));
        let outcome = client_of(&server).score_all_blocking(scores).map(drop);
        let expected = expected.map_err(|text| text.replace("{host}", &server.address().to_string()));
        assert_eq!(outcome.map_err(|error| error.to_string()), expected);
        assert_eq!(server.requests().len(), 1);
    }
}

/// A server without one of the two ways gets everything by the other, and is not asked for the first again.
#[test]
fn a_way_that_is_gone_is_left_for_good() {
    let gone = Answer::json(404, r#"{"message":"Not Found"}"#);
    let missing = move |path: &'static str| {
        let gone = gone.clone();
        Receiver::new(move |request| match request.path.as_str() {
            asked if asked == path => gone.clone(),
            "/api/public/ingestion" => taken(request),
            _ => Answer::json(200, r#"{"id":"x"}"#),
        })
    };
    let paths = |server: &Receiver| -> Vec<_> {
        let paths = server.take_requests().into_iter();
        paths
            .map(|request| request.path.rsplit_once('/').unwrap().1.to_owned())
            .collect()
    };
    let score = || Score::new("x", 1).on_trace(trace());
    let server = missing("/api/public/scores");
    let langfuse = client_of(&server);
    langfuse.score_blocking(score()).unwrap();
    assert_eq!(paths(&server), ["scores", "ingestion"]);
    langfuse.clone().score_blocking(score()).unwrap();
    assert_eq!(paths(&server), ["ingestion"]);

    let server = missing("/api/public/ingestion");
    let langfuse = client_of(&server);
    langfuse.score_all_blocking([score(), score()]).unwrap();
    assert_eq!(paths(&server), ["ingestion", "scores", "scores"]);
    langfuse.score_blocking(score().at(SystemTime::now())).unwrap();
    assert_eq!(paths(&server), ["scores"]);

    // A server whose batches take other events only.
    let server = Receiver::new(|request| {
        if request.path.ends_with("/scores") {
            return Answer::json(200, r#"{"id":"x"}"#);
        }
        let id = &body(request)["batch"][0]["id"];
        let error = json!({"id": id, "status": 400, "message": "Event type not accepted", "error": "…"});
        Answer::json(207, &json!({"successes": [], "errors": [error]}).to_string())
    });
    client_of(&server).score_all_blocking([score()]).unwrap();
    assert_eq!(paths(&server), ["ingestion", "scores"]);

    let server = Receiver::new(|_| Answer::json(404, r#"{"message":"Not Found"}"#));
    let langfuse = client_of(&server);
    for _ in 0..2 {
        assert!(langfuse.score_blocking(score()).unwrap_err().is_not_found());
        assert_eq!(
            paths(&server),
            ["scores", "ingestion"],
            "nothing is left, so all is tried"
        );
    }
}

#[test]
fn a_score_too_many_for_one_way_goes_by_the_other() {
    let server = Receiver::new(|request| match request.path.as_str() {
        "/api/public/ingestion" => taken(request),
        _ => Answer::json(429, "{}").header("retry-after", "3600"),
    });
    let scored = client_of(&server).score_blocking(Score::new("x", 1).on_trace(trace()));
    assert!(scored.is_ok());
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(paths, ["/api/public/scores", "/api/public/ingestion"]);
}

#[test]
fn a_score_is_one_however_often_it_is_sent() {
    let server = Receiver::new(|_| Answer::json(503, "{}"));
    let error = client_of(&server)
        .score_blocking(Score::new("x", 1).on_trace(trace()))
        .unwrap_err();
    assert!(error.is_server_failure() && error.is_ambiguous(), "{error}");
    let ids: Vec<_> = server
        .requests()
        .iter()
        .map(|it| body(it)["id"].clone())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids.iter()
            .all(|id| *id == ids[0] && id.as_str().unwrap().len() == 36),
        "{ids:?}"
    );
}

#[test]
fn a_trace_that_is_not_sent_takes_its_scores_with_it() {
    let server = Receiver::new(|_| Answer::json(200, r#"{"id":"x"}"#));
    let langfuse = Langfuse::builder("pk-lf-1", "sk-lf-1")
        .base_url(server.url())
        .sample_rate(0.5);
    let langfuse = langfuse.build().unwrap();
    let low: TraceId = "00000000000000000000000000000001".parse().unwrap();
    let high: TraceId = "0000000000000000ffffffffffffffff".parse().unwrap();
    let sampled_out = |score: Score| langfuse.score_blocking(score).unwrap().is_sampled_out();
    let score = || Score::new("x", 1);
    assert!(sampled_out(score().on_trace(high)));
    assert!(sampled_out(score().on_observation(high, observation())));
    let scored = langfuse.score_all_blocking([score().on_trace(high)]).unwrap();
    assert!(scored[0].is_sampled_out());
    assert!(server.requests().is_empty());
    assert!(!sampled_out(score().on_trace(low)));
    assert!(!sampled_out(score().on_session("any")));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn credentials_stay_here() {
    let server = Receiver::new(|request| match request.path.as_str() {
        "/api/public/ingestion" => taken(request),
        _ => Answer::json(200, r#"{"id":"x"}"#),
    });
    let secret = "planted-secret-word";
    let score = |value: Score| {
        value
            .comment(format!("failed with api_key={secret}"))
            .metadata("password", secret)
            .metadata(
                "deep",
                json!({"headers": {"Authorization": format!("Bearer {secret}")}, "kept": 7}),
            )
    };
    let text = format!("password: \"{secret}\"");
    let scores = [
        score(Score::new("x", 1).on_trace(trace())),
        score(Score::text("x", text.as_str()).on_trace(trace())),
        score(Score::correction(text.as_str()).on_trace(trace())),
    ];
    let langfuse = client_of(&server);
    for score in &scores {
        assert!(!format!("{score:?}").contains(secret));
        langfuse.score_blocking(score.clone()).unwrap();
    }
    langfuse.score_all_blocking(scores).unwrap();
    let requests = server.requests();
    for request in &requests {
        let text = String::from_utf8(request.body.clone()).unwrap();
        assert!(!text.contains(secret) && text.contains("[redacted]"), "{text}");
    }
    let mut sent = body(&requests[0]);
    sent["id"].take();
    assert_eq!(
        sent,
        json!({"id": null, "name": "x", "value": 1.0, "traceId": TRACE, "comment": "failed with api_key=[redacted]",
            "metadata": {"password": "[redacted]", "deep": {"headers": {"Authorization": "[redacted]"}, "kept": 7}}})
    );
}

#[test]
fn what_cannot_be_a_score_is_said_before_anything_is_sent() {
    let server = Receiver::new(|_| panic!("nothing is to be sent"));
    let langfuse = client_of(&server);
    let on_trace = |score: Score| score.on_trace(trace());
    let table = [
        (
            on_trace(Score::new("", 1)),
            r#"the score "" cannot be sent: it has no name"#,
        ),
        (
            Score::new("x", 1),
            r#"the score "x" cannot be sent: it is of nothing: say of what by on_trace(..), on_observation(..), on_session(..) or on_dataset_run(..)"#,
        ),
        (
            Score::new("x", 1).on_session(""),
            r#"the score "x" cannot be sent: what it is of has an empty id"#,
        ),
        (
            on_trace(Score::new("x", f64::NAN)),
            r#"the score "x" cannot be sent: NaN is no value"#,
        ),
        (
            on_trace(Score::new("x", f64::INFINITY)),
            r#"the score "x" cannot be sent: inf is no value"#,
        ),
        (
            on_trace(Score::text("x", "")),
            r#"the score "x" cannot be sent: its text has 0 characters, not 1 to 500"#,
        ),
        (
            on_trace(Score::text("x", "é".repeat(501))),
            r#"the score "x" cannot be sent: its text has 501 characters, not 1 to 500"#,
        ),
        (
            on_trace(Score::new("x", 1).id("")),
            r#"the score "x" cannot be sent: its id is not 1 to 800 characters on a line"#,
        ),
        (
            on_trace(Score::new("x", 1).id("x".repeat(801))),
            r#"the score "x" cannot be sent: its id is not 1 to 800 characters on a line"#,
        ),
        (
            Score::correction("y").on_session("s"),
            r#"the score "output" cannot be sent: a correction is of a trace or an observation"#,
        ),
        (
            on_trace(Score::correction("y").config_id("c")),
            r#"the score "output" cannot be sent: a correction has no config"#,
        ),
    ];
    for (score, expected) in table {
        for error in [
            langfuse.score_blocking(score.clone()).unwrap_err(),
            langfuse
                .score_all_blocking([on_trace(Score::new("fine", 1)), score.clone()])
                .unwrap_err(),
        ] {
            assert!(Error::is_invalid_value(&error));
            assert_eq!(error.to_string(), expected);
        }
    }
    assert!(server.requests().is_empty());
}

#[test]
fn configs_are_made_read_and_listed_as_they_were_recorded() {
    let server = Replay::of(&["scores"]);
    let langfuse = server.client();
    let range = ScoreKind::Numeric {
        min: Some(0.0),
        max: Some(1.0),
    };
    let numeric = NewScoreConfig::new("relevance-8e04", range.clone()).description("0 to 1");
    let numeric = langfuse.create_score_config_blocking(numeric).unwrap();
    assert_eq!(
        (
            numeric.name(),
            numeric.description(),
            numeric.kind(),
            numeric.is_archived()
        ),
        ("relevance-8e04", Some("0 to 1"), &range, false)
    );
    let labels = vec![("kind".to_owned(), 1.0), ("rude".to_owned(), 0.0)];
    let tone = NewScoreConfig::new("tone-a20f", ScoreKind::Categorical(labels));
    let tone = langfuse.create_score_config_blocking(tone).unwrap();
    assert_eq!(langfuse.score_config_blocking(numeric.id()).unwrap(), numeric);
    assert_eq!(
        server.served(),
        ["config: numeric", "config: categorical", "config: get"]
    );

    // Three pages, each as it was recorded.
    let page = recorded("scores")
        .into_iter()
        .find(|it| it["name"] == "config: list")
        .unwrap();
    let page = page["response"]["json"].to_string();
    let server = Receiver::new(move |_| Answer::json(200, &page));
    let listed = client_of(&server).score_configs_blocking().unwrap();
    assert_eq!(
        listed,
        [
            tone.clone(),
            numeric.clone(),
            tone.clone(),
            numeric.clone(),
            tone,
            numeric
        ]
    );
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        [1, 2, 3].map(|page| format!("/api/public/score-configs?page={page}&limit=100"))
    );
}

#[test]
fn what_a_config_does_not_allow_is_said_before_anything_is_sent() {
    let configs = Replay::of(&["scores"]);
    let numeric = configs
        .client()
        .score_config_blocking("13e3435e-7268-4c9e-a5b4-84755aa55750")
        .unwrap();
    let page = recorded("scores")
        .into_iter()
        .find(|it| it["name"] == "config: list")
        .unwrap();
    let mut archived = page["response"]["json"]["data"][0].clone();
    let answer = archived.to_string();
    let server = Receiver::new(move |_| Answer::json(200, &answer));
    let tone = client_of(&server).score_config_blocking("any").unwrap();
    archived["isArchived"] = json!(true);
    let server = Receiver::new(move |_| Answer::json(200, &archived.to_string()));
    let archived = client_of(&server).score_config_blocking("any").unwrap();

    let server = Receiver::new(|_| Answer::json(200, r#"{"id":"x"}"#));
    let langfuse = client_of(&server);
    let table = [
        (&numeric, Score::new("mine", 7), Some("7 is above 1")),
        (&numeric, Score::new("mine", -0.1), Some("-0.1 is below 0")),
        (
            &numeric,
            Score::new("mine", "high"),
            Some("its config is NUMERIC, its value CATEGORICAL"),
        ),
        (&numeric, Score::new("mine", 1), None),
        (
            &tone,
            Score::new("mine", "harsh"),
            Some("\"harsh\" is none of the labels of its config"),
        ),
        (&tone, Score::new("mine", "kind"), None),
        (
            &archived,
            Score::new("mine", "kind"),
            Some("its config is archived"),
        ),
    ];
    for (config, score, fault) in table {
        let scored = langfuse.score_blocking(score.on_trace(trace()).config(config));
        match fault {
            None => assert!(scored.is_ok()),
            Some(fault) => {
                let expected = format!("the score {:?} cannot be sent: {fault}", config.name());
                assert_eq!(scored.unwrap_err().to_string(), expected);
            }
        }
    }
    // It goes under the config's name and id.
    let sent: Vec<_> = server
        .requests()
        .iter()
        .map(|it| (body(it)["name"].clone(), body(it)["configId"].clone()))
        .collect();
    assert_eq!(
        sent,
        [&numeric, &tone].map(|it| (json!(it.name()), json!(it.id())))
    );
}

#[test]
fn what_cannot_be_a_config_is_said_before_anything_is_sent() {
    let server = Receiver::new(|_| panic!("nothing is to be sent"));
    let range = |min, max| ScoreKind::Numeric { min, max };
    let labels = |labels: &[(&str, f64)]| {
        ScoreKind::Categorical(
            labels
                .iter()
                .map(|(label, value)| ((*label).to_owned(), *value))
                .collect(),
        )
    };
    let table = [
        (
            "",
            ScoreKind::Text,
            "its name is not 1 to 35 letters, digits, spaces and _.()-",
        ),
        (
            "a/b",
            ScoreKind::Text,
            "its name is not 1 to 35 letters, digits, spaces and _.()-",
        ),
        (
            "x",
            range(Some(1.0), Some(1.0)),
            "its maximum is not above its minimum",
        ),
        (
            "x",
            range(Some(f64::NAN), None),
            "an end of its range is no number",
        ),
        ("x", labels(&[]), "it has no categories"),
        ("x", labels(&[("", 1.0)]), "a category has no label or no number"),
        (
            "x",
            labels(&[("a", 1.0), ("b", 1.0)]),
            "two of its categories have one label or one number",
        ),
        (
            "x",
            labels(&[("a", 1.0), ("a", 2.0)]),
            "two of its categories have one label or one number",
        ),
    ];
    for (name, kind, fault) in table {
        let error = client_of(&server)
            .create_score_config_blocking(NewScoreConfig::new(name, kind))
            .unwrap_err();
        assert!(error.is_invalid_value());
        assert_eq!(
            error.to_string(),
            format!("the score config {name:?} cannot be created: {fault}")
        );
    }
}
