"""What a family is: the one shape that settings have.

Each part below is the settings of one stage, and the YAML file is those parts by name. Every
field's default, bound and description feed the settings reference and Prefect's run form.
"""

from family.spec.budget import Budget, UnreachableError, picked
from family.spec.capabilities import RETENTION, LMEval, Rouge
from family.spec.data import (
    Corpus,
    FilePrompts,
    FromFile,
    GrammarPrompts,
    Prompts,
    Responses,
    Rows,
    Split,
    Text,
)
from family.spec.distill import Distill, OnPolicy, QuantizationAware
from family.spec.distributed import Distributed, DistributedTraining, distributed
from family.spec.endpoint import Answers, EndpointResponses, Keep, Prices, service_of
from family.spec.family import FamilySpec, Tier
from family.spec.flagship import (
    About,
    Flagship,
    FolderSource,
    GGUFSource,
    HubSource,
    Notices,
    PyPISource,
    Source,
)
from family.spec.losses import (
    JSD,
    CrossEntropy,
    Divergence,
    ForwardKL,
    HiddenStates,
    Loss,
    ReverseKL,
    SkewedKL,
    TotalVariation,
)
from family.spec.names import DATA, FLAGSHIP, Digest, Name, Precision
from family.spec.post_train import PostTrain
from family.spec.shape import ModelShape
from family.spec.shipping import EXPORTED, Bound, Evaluate, Export, Gate, MetricName, Verify
from family.spec.signal import Codec, Dense, Sampled, Signal, TeacherPrecision, TopK
from family.spec.student import (
    CandidateStart,
    FullVocabulary,
    PruneStart,
    RandomStart,
    Shape,
    Start,
    TrimmedVocabulary,
    Vocabulary,
)
from family.spec.terms import Terms

__all__ = [
    "DATA",
    "EXPORTED",
    "FLAGSHIP",
    "JSD",
    "RETENTION",
    "About",
    "Answers",
    "Bound",
    "Budget",
    "CandidateStart",
    "Codec",
    "Corpus",
    "CrossEntropy",
    "Dense",
    "Digest",
    "Distill",
    "Distributed",
    "DistributedTraining",
    "Divergence",
    "EndpointResponses",
    "Evaluate",
    "Export",
    "FamilySpec",
    "FilePrompts",
    "Flagship",
    "FolderSource",
    "ForwardKL",
    "FromFile",
    "FullVocabulary",
    "GGUFSource",
    "Gate",
    "GrammarPrompts",
    "HiddenStates",
    "HubSource",
    "Keep",
    "LMEval",
    "Loss",
    "MetricName",
    "ModelShape",
    "Name",
    "Notices",
    "OnPolicy",
    "PostTrain",
    "Precision",
    "Prices",
    "Prompts",
    "PruneStart",
    "PyPISource",
    "QuantizationAware",
    "RandomStart",
    "Responses",
    "ReverseKL",
    "Rouge",
    "Rows",
    "Sampled",
    "Shape",
    "Signal",
    "SkewedKL",
    "Source",
    "Split",
    "Start",
    "TeacherPrecision",
    "Terms",
    "Text",
    "Tier",
    "TopK",
    "TotalVariation",
    "TrimmedVocabulary",
    "UnreachableError",
    "Verify",
    "Vocabulary",
    "distributed",
    "picked",
    "service_of",
]
