//! More jobs at once than threads are kept.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::sync::mpsc;

use interlock_pool::{Job, launch};

struct Report(mpsc::Sender<()>);

impl Job for Report {
    fn run(&mut self) {}

    fn ended(self: Box<Self>) {
        self.0.send(()).unwrap();
    }
}

#[test]
fn every_job_of_many_at_once_runs() {
    let (tell, hear) = mpsc::channel();
    for _ in 0..200 {
        drop(launch(1 << 17, Box::new(Report(tell.clone()))).unwrap());
    }
    drop(tell);
    assert_eq!(hear.iter().count(), 200);
}
