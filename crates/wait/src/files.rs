//! Waits for open files, such as the pipes of a command and the descriptor of its process.

use interlock_os::exchange::FileWork;

use crate::block::{self, FIRST_LISTEN_NANOS};
use crate::deadline::Deadline;
use crate::resource::Resource;
use crate::schedule::Returned;
use crate::sleep;
use crate::wait_context::WaitContext;
use crate::wake::{Slept, Wake};

/// Makes the calling thread wait for files and do `work` with the ready ones, until the work needs its host, or
/// `context` ends the wait.
///
/// [`Wake::Notified`] means that the work needs the host. The work runs detached from the host, like a sleep. If
/// the wait ends in another way, the work done until then stays done. The caller holds no internal lock. An
/// observer can ask `resource` what the thread waits for.
pub fn block_on_files(
    work: &mut dyn FileWork,
    resource: &dyn Resource,
    context: &mut WaitContext<'_>,
) -> Wake {
    block::traced(None, resource, context, |context| until_wanted(work, context))
}

fn until_wanted(work: &mut dyn FileWork, context: &mut WaitContext<'_>) -> Wake {
    let deadline = context.deadline();
    let listens = context.hears_signals();
    // A signal that arrives while the thread works ends no sleep. So the first sleep after that is short.
    let mut has_worked = true;
    loop {
        let mut is_wanted = false;
        let stop = context.sleep(&mut || {
            let slept = work_until(work, deadline, listens, &mut has_worked);
            is_wanted = matches!(slept, Slept::Notified(_));
            slept
        });
        if stop {
            return Wake::Interrupted;
        }
        if is_wanted {
            return Wake::Notified;
        }
        if deadline.has_passed() {
            return Wake::TimedOut;
        }
    }
}

fn work_until(work: &mut dyn FileWork, deadline: Deadline, listens: bool, has_worked: &mut bool) -> Slept {
    loop {
        let until = match listens && std::mem::take(has_worked) {
            true => deadline.or_sooner(FIRST_LISTEN_NANOS),
            false => deadline,
        };
        match sleep::sleep_on_files(work.waits(), until) {
            Returned::Woken if work.advance() => return Slept::Notified(None),
            Returned::Woken if deadline.has_passed() => return Slept::TimedOut,
            Returned::Woken => *has_worked = true,
            Returned::TimedOut => return Slept::TimedOut,
            Returned::Interrupted => return Slept::Interrupted,
        }
    }
}
