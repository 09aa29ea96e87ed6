import assert from "node:assert/strict";
import { trainingHealth } from "../../src/training/health.ts";

const grades = (losses: readonly number[], name = "loss") => {
  const health = trainingHealth();
  return losses.map((value) => health({ [name]: value }).grade);
};

Deno.test("an update is lost when a number of it is not finite, whichever it is", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    for (const name of ["loss", "loss_diffusion", "grad_norm", "grad_norm_discriminator", "score_real"]) {
      assert.deepEqual(grades([1, value, 1], name), ["healthy", "lost", "healthy"], `${name} ${value}`);
    }
  }
});

Deno.test("losses are compared with the median before: above 10 times it suspect, above 100 times it lost", () => {
  const expected = ["healthy", "healthy", "healthy", "suspect", "healthy", "lost"];
  assert.deepEqual(grades([1, 10, 1, 10.1, 1, 100.1]), expected);
  assert.deepEqual(grades([1, 10.1, 1e9], "grad_norm"), ["healthy", "suspect", "suspect"]);
  assert.deepEqual(grades([1, 1e9], "loss_discriminator"), ["healthy", "healthy"]);
  assert.deepEqual(grades([0, 5, -1, 0]), ["healthy", "healthy", "healthy", "healthy"]);
});

Deno.test("what is lost does not become usual, and what lasts does", () => {
  const health = trainingHealth();
  health({ loss: 1 });
  for (let i = 0; i < 300; i++) assert.equal(health({ loss: 2000 }).grade, "lost");
  for (let i = 0; i < 300; i++) health({ loss: 50 });
  assert.equal(health({ loss: 50 }).grade, "healthy");
  assert.equal(health({ loss: 5001 }).grade, "lost");
});

Deno.test("a resumed training is compared with its log", () => {
  const log = [{ step: 1, loss: 1, plans: ["x"] }, { step: 2, loss: NaN, lost: "loss = NaN" }];
  assert.deepEqual(trainingHealth(log)({ loss: 5000 }), {
    grade: "lost",
    why: "loss = 5.00e+3, where 1.00 was usual",
  });
});
