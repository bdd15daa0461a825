//! Questions that wait for people: who may answer them, how they end, and what an answer is good for.
