//! A receiver of webhooks on loopback, which takes what it gets, refuses it, or keeps whoever sends waiting.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;
use serde_json::Value;

/// Longer than any message of a test.
const MOST_BODY: usize = 8 * 1024 * 1024;

/// Listens for as long as this process lives.
#[derive(Debug)]
pub struct Receiver {
    url: String,
    state: Arc<Mutex<State>>,
}

/// What it does with a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// 200.
    #[default]
    Takes,
    /// 500.
    Refuses,
    /// Never an answer.
    Stalls,
}

#[derive(Debug, Default)]
struct State {
    mood: Mood,
    got: Vec<Value>,
    /// Kept open: whoever waits for an answer waits on.
    waiting: Vec<TcpStream>,
}

impl Receiver {
    /// On a free port.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (url, state) = (format!("http://{}/hook", listener.local_addr()?), Arc::<Mutex<State>>::default());
        let shared = state.clone();
        thread::Builder::new().name("receiver".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                // A connection that breaks is the sender's business.
                thread::spawn(move || drop(receive(stream, &state)));
            }
        })?;
        Ok(Self { url, state })
    }

    /// Where messages go.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on.
    pub fn set(&self, mood: Mood) {
        let mut state = lock(&self.state);
        state.mood = mood;
        state.waiting.clear();
    }

    /// The bodies that it took.
    pub fn taken(&self) -> Vec<Value> {
        lock(&self.state).got.clone()
    }
}

fn receive(stream: TcpStream, state: &Mutex<State>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; usize::min(length, MOST_BODY)];
    reader.read_exact(&mut body)?;
    let mut state = lock(state);
    let status = match state.mood {
        Mood::Takes => {
            state.got.push(serde_json::from_slice(&body)?);
            "200 OK"
        }
        Mood::Refuses => "500 Internal Server Error",
        Mood::Stalls => {
            state.waiting.push(stream);
            return Ok(());
        }
    };
    drop(state);
    let mut stream = stream;
    Ok(write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")?)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
