//! What many callers ask for at once, done together: it waits in a bounded queue, one task takes what is there, has it carried
//! out in one go, and answers each caller. A full queue is a refusal, never a growing one.

use crate::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// From this many on they are followed by a short wait, so that the next ones are worth their commit.
const BUSY: usize = 3;
/// How long to let callers gather when busy: with tokio's timers, to the millisecond after it. Alone, nobody ever waits.
const LINGER: Duration = Duration::from_micros(300);

type Asked<T, R> = (T, oneshot::Sender<Result<R, Error>>);

/// Where callers put what they ask for.
pub struct Gathered<T, R> {
    sender: mpsc::Sender<Asked<T, R>>,
}

impl<T, R> Clone for Gathered<T, R> {
    fn clone(&self) -> Self {
        Gathered {
            sender: self.sender.clone(),
        }
    }
}

impl<T, R> fmt::Debug for Gathered<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered")
            .field("free", &self.sender.capacity())
            .finish()
    }
}

impl<T: Send + 'static, R: Send + 'static> Gathered<T, R> {
    /// Starts the task in `home`; it ends when the last handle is dropped and the queue is empty. `capacity` may wait, and
    /// `together` is given `most` at most, which it answers in their order, or all with one error.
    pub fn start<F>(
        home: &Handle,
        capacity: usize,
        most: usize,
        together: impl Fn(Vec<T>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(capacity);
        home.spawn(serve(receiver, most, together));
        Gathered { sender }
    }

    /// Has it done.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full, and those of what carries it out.
    pub async fn submit(&self, asked: T) -> Result<R, Error> {
        let (reply, answer) = oneshot::channel();
        self.sender
            .try_send((asked, reply))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Busy,
                mpsc::error::TrySendError::Closed(_) => Error::shutting_down(),
            })?;
        answer.await.map_err(|_| Error::shutting_down())?
    }
}

async fn serve<T, R, F>(
    mut receiver: mpsc::Receiver<Asked<T, R>>,
    most: usize,
    together: impl Fn(Vec<T>) -> F,
) where
    F: Future<Output = Result<Vec<R>, Error>>,
{
    let mut waiting = Vec::with_capacity(most);
    while receiver.recv_many(&mut waiting, most).await > 0 {
        let (asked, replies): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        let size = asked.len();
        answer(together(asked).await, replies);
        if size >= BUSY {
            tokio::time::sleep(LINGER).await;
        }
    }
}

fn answer<R>(answers: Result<Vec<R>, Error>, replies: Vec<oneshot::Sender<Result<R, Error>>>) {
    match answers {
        Ok(answers) => {
            for (answer, reply) in answers.into_iter().zip(replies) {
                // Who hung up meanwhile misses the answer; what was asked for is done all the same.
                let _ = reply.send(Ok(answer));
            }
        }
        Err(error) => {
            for reply in replies {
                let _ = reply.send(Err(error.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;

    #[tokio::test]
    async fn each_caller_gets_its_own_answer_and_a_full_queue_refuses() {
        let gathered = Gathered::start(&Handle::current(), 8, 4, |asked: Vec<u32>| async move {
            if asked.contains(&13) {
                return Err(Error::Busy);
            }
            Ok(asked.into_iter().map(|number| number * 2).collect::<Vec<_>>())
        });
        // Nobody is served before all have asked: this thread is the only one.
        let answers = join_all((0..20).map(|number| gathered.submit(number))).await;
        let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        let done: Vec<u32> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!(done, (0..8).map(|number| number * 2).collect::<Vec<_>>());
        assert_eq!(refused.len(), 12);
        let together = join_all([1, 13].map(|number| gathered.submit(number))).await;
        assert!(together.iter().all(Result::is_err), "one error is everybody's");
    }
}
