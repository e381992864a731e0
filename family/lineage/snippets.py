"""How a model is run, in code that is true of its files."""

import json
from collections.abc import Iterator

from family.lineage.dossier import Dossier

GENAI = """\
import json
import onnxruntime_genai as og

model = og.Model(".")  # the folder of these files
tokenizer = og.Tokenizer(model)
messages = json.dumps([{{"role": "user", "content": {prompt}}}])
text = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
params = og.GeneratorParams(model)
params.set_search_options(max_length=256, do_sample=False)
generator = og.Generator(model, params)
generator.append_tokens(tokenizer.encode(text))
pieces = tokenizer.create_stream()
while not generator.is_done():
    generator.generate_next_token()
    print(pieces.decode(generator.get_next_tokens()[0]), end="", flush=True)"""

TRANSFORMERS = """\
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")  # the folder of these files
model = AutoModelForCausalLM.from_pretrained(".")
messages = [{{"role": "user", "content": {prompt}}}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
)
answer = model.generate(**inputs, max_new_tokens=128, do_sample=False)
print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))"""

LABELS = """\
from transformers import AutoModelForSequenceClassification, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(".")  # the folder of these files
model = AutoModelForSequenceClassification.from_pretrained(".")
logits = model(**tokenizer({prompt}, return_tensors="pt")).logits
print(model.config.id2label[logits.argmax(-1).item()])"""

LABELS_ONNX = """\
import json
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")  # in the folder of these files
model = onnxruntime.InferenceSession("model.onnx")
row = tokenizer.encode({prompt})
inputs = {{"input_ids": [row.ids], "attention_mask": [row.attention_mask]}}
(logits,) = model.run(["logits"], inputs)
print(json.load(open("config.json"))["id2label"][str(logits.argmax(-1)[0])])"""


def how_to_run(dossier: Dossier) -> Iterator[str]:
    """The command where the store is, and Python where only the files are."""
    model = dossier.model
    if model.exported or dossier.exports:
        command = f"descent run {model.name} {json.dumps(dossier.prompt)}"
        yield f"In the store that it was made in: `{command}`"
    names = {file.path for file in model.files}
    if not model.exported:
        code = LABELS if dossier.model.classifies else TRANSFORMERS
        yield _python("With transformers", code, dossier.prompt)
    elif dossier.model.classifies:
        yield _python("In ONNX Runtime", LABELS_ONNX, dossier.prompt)
    elif "genai_config.json" in names:
        yield _python("With `pip install onnxruntime-genai`", GENAI, dossier.prompt)
    else:
        yield 'In ONNX Runtime: `onnxruntime.InferenceSession("model.onnx")`.'


def _python(how: str, code: str, prompt: str) -> str:
    return f"{how}:\n\n```python\n{code.format(prompt=json.dumps(prompt))}\n```"
