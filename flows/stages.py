"""The stage table: which function does which work. The only list of stages there is."""

from family import spec
from family.stage import Stage

STAGES = {
    stage.name: stage
    for stage in (
        Stage("about", "family.about:about", (spec.About,), heavy=False),
        Stage("notices", "family.licences.notices:notices", (spec.Notices,), heavy=False),
        Stage("flagship", "family.teacher.open:flagship", (spec.Flagship,)),
        Stage(
            "prompts",
            "family.corpus.prompts:prompts",
            (spec.GrammarPrompts, spec.FilePrompts),
            version=2,
            heavy=False,
        ),
        Stage("text", "family.corpus.text:text", (spec.Text,), heavy=False),
        Stage("rows", "family.corpus.rows:rows", (spec.Rows,), heavy=False),
        Stage(
            "responses",
            "family.corpus.responses:responses",
            (spec.Responses, spec.EndpointResponses),
            version=2,
            resumes=True,
        ),
        Stage("kept", "family.corpus.kept:kept", (spec.Keep,)),
        Stage("corpus", "family.corpus.blocks:corpus", (spec.Corpus,), version=3),
        Stage("signal", "family.signal.capture:signal", (spec.Signal,), version=4, resumes=True),
        Stage(
            "vocabulary",
            "family.student.vocabulary:vocabulary",
            (spec.TrimmedVocabulary,),
            version=2,
        ),
        Stage("candidates", "family.student.candidates:candidates", (spec.CandidateStart,)),
        Stage("start", "family.student.start:start", (spec.PruneStart, spec.RandomStart)),
        Stage("distill", "family.distill.train:distill", (spec.Distill,), version=5, resumes=True),
        Stage(
            "post_train", "family.distill.train:distill", (spec.PostTrain,), version=5, resumes=True
        ),
        Stage("evaluate", "family.evaluate.score:evaluate", (spec.Evaluate,)),
        Stage("export", "export.build:export", (spec.Export,)),
        Stage("verify", "export.verify:verify", (spec.Verify,), alone=True),
        Stage("capabilities", "export.capabilities:capabilities", (spec.LMEval,)),
        Stage(
            "references", "family.evaluate.references:references", (spec.FilePrompts,), heavy=False
        ),
        Stage("rouge", "family.evaluate.rouge:rouge", (spec.Rouge,)),
        Stage("gate", "family.evaluate.gate:gate", (spec.Gate,), heavy=False),
    )
}
