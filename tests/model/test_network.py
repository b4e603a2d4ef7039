"""What the network of every experiment keeps to. T tasks, B images, L tokens, D width."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file

from mtl_ase.balance import FixedWeights
from mtl_ase.build import build_tasks
from mtl_ase.losses import MutualInformation
from mtl_ase.model import count_parameters
from tests.model.batches import make_batch

SPARSE = ["ase", "ase_finegrained", "ase_finest", "lora_moe", "lora_moe_renormalised"]
ROUTED = [*SPARSE, "naive_shared"]
EXPERIMENTS = [*ROUTED, "mtl_vit"]
every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS)
DEPTH, WIDTH = 2, 48


@pytest.fixture
def tasks(composed, tiny):
    return build_tasks(composed(*tiny))


@pytest.fixture
def images():
    """Two images of bytes."""
    return torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)


def total_loss(network, tasks, batch):
    """The loss that training minimises."""
    logits, routing = network(batch.image_BCHW)
    losses = {name: t.loss(logits[name], batch.labels[name]) for name, t in tasks.items()}
    total = FixedWeights({name: task.weight for name, task in tasks.items()})(losses)
    if routing:
        total = total + 0.005 * MutualInformation(1.0)(routing)
    return total


def experts_of(network, layer):
    """The experts beside the FFN of a layer."""
    return network.encoder.blocks[layer].adapters["ffn"]


def randomise(network, scale=0.1):
    """Leave the start: give every zero (the ups of LoRA and experts, the noise) a value."""
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=scale)


@every_experiment
def test_starts_as_the_pretrained_vit(tiny_network, tmp_path, images, experiment):
    """At step 0, without task embedding, all tasks' maps are timm's own before the last norm."""
    options = {"embed_dim": WIDTH, "depth": DEPTH, "num_heads": 2}
    vit = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=0, **options).eval()
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    network = tiny_network(
        f"experiment={experiment}", f"model.encoder.weights={tmp_path}/vit.safetensors"
    ).eval()
    if network.encoder.task_embedding_TD is not None:
        torch.nn.init.zeros_(network.encoder.task_embedding_TD)
    vit.norm = torch.nn.Identity()
    expected_BLD = vit.forward_features((images.float() / 255 - 0.5) / 0.5)
    (map_TBDHW,), _ = network.encoder(images)
    assert map_TBDHW.shape == (5, 2, WIDTH, 4, 4)
    expected_BDHW = expected_BLD[:, 1:].mT.unflatten(-1, (4, 4))
    expected_TBDHW = expected_BDHW.expand_as(map_TBDHW)
    torch.testing.assert_close(map_TBDHW, expected_TBDHW, rtol=1e-5, atol=1e-5)


@every_experiment
def test_the_task_embedding_tells_tasks_apart(tiny_network, images, experiment):
    (map_TBDHW,), _ = tiny_network(f"experiment={experiment}").eval().encoder(images)
    assert torch.equal(map_TBDHW[0], map_TBDHW[1]) == (experiment == "mtl_vit")


@every_experiment
def test_what_learns_and_what_is_frozen(tiny_network, tasks, experiment):
    """Two steps reach every trained parameter (at step 0 the zero Bs hide the As); no frozen one.

    The heads' batch norms run in evaluation mode: in training they cancel the biases before them.
    """
    network = tiny_network(f"experiment={experiment}")
    network.decoder.eval()
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    frozen = {name: p.clone() for name, p in network.named_parameters() if not p.requires_grad}
    optimizer = torch.optim.SGD(trained.values(), lr=0.01)
    reached = set()
    for seed in range(2):
        optimizer.zero_grad()
        total_loss(network, tasks, make_batch(tasks, seed=seed)).backward()
        assert all(p.grad.isfinite().all() for p in trained.values())
        reached |= {name for name, p in trained.items() if p.grad.any()}
        optimizer.step()
    assert reached == trained.keys()
    own = dict(network.named_parameters())
    assert all(own[name].grad is None for name in frozen)
    assert all(torch.equal(own[name], before) for name, before in frozen.items())
    assert bool(frozen) == (experiment != "mtl_vit")


@every_experiment
def test_output_shapes(tiny_network, tasks, images, experiment):
    network = tiny_network(f"experiment={experiment}")
    logits, routing = network(images)
    assert list(logits) == list(tasks)
    for name, task in tasks.items():
        assert logits[name].shape == (2, task.channels, 64, 64)
        assert logits[name].dtype == torch.float32
    assert len(routing) == (DEPTH if experiment in ROUTED else 0)
    for layer in routing:
        gate = experts_of(network, 0).gate
        assert layer.gate_TE().shape == layer.load_TE().shape == (5, gate.num_experts)
        assert layer.prob_TE().shape == (5, gate.num_sparse)


@every_experiment
def test_a_batch_of_one(tiny_network, tasks, experiment):
    network = tiny_network(f"experiment={experiment}")
    total_loss(network, tasks, make_batch(tasks, count=1)).backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.requires_grad)


@every_experiment
def test_images_do_not_see_each_other(tiny_network, images, experiment):
    network = tiny_network(f"experiment={experiment}").eval()
    randomise(network)
    together, alone = network(images).logits, network(images[1:]).logits
    for name in together:
        torch.testing.assert_close(together[name][1:], alone[name], rtol=1e-4, atol=1e-4)


@every_experiment
@pytest.mark.parametrize("index", [0, 2, 4])
def test_a_task_does_not_see_what_belongs_to_others(tiny_network, tasks, images, experiment, index):
    network = tiny_network(f"experiment={experiment}").eval()
    randomise(network)
    name = list(tasks)[index]
    before = network(images).logits
    others = [i for i in range(5) if i != index]
    with torch.no_grad():
        for other, head in network.decoder.heads.items():
            for parameter in head.parameters() if other != name else ():
                parameter += 0.3
        for layer in range(DEPTH) if experiment in ROUTED else ():
            experts_of(network, layer).router.logits_TDE[others] += torch.randn(4, 1, 1)
            experts_of(network, layer).router.logits_TDE[others] *= -2
            network.encoder.task_embedding_TD[others] += 0.3
    after = network(images).logits
    assert torch.equal(after[name], before[name])
    assert not any(torch.equal(after[other], before[other]) for other in tasks if other != name)


@pytest.mark.parametrize("experiment", ROUTED)
def test_routers_see_task_and_token(tiny_network, images, experiment):
    """Other tasks, other gates; a router that saw only its task would give every token the same."""
    network = tiny_network(f"experiment={experiment}").eval()
    seen = []
    gate = experts_of(network, 1).gate
    gate.register_forward_hook(lambda _module, _inputs, gate_TBLE: seen.append(gate_TBLE))
    network(images)
    (gate_TBLE,) = seen
    assert not torch.equal(gate_TBLE[0], gate_TBLE[1])
    assert not torch.equal(gate_TBLE[:, :, 1], gate_TBLE[:, :, 2])


@every_experiment
def test_activation_checkpointing_changes_nothing(tiny_network, tasks, experiment):
    """The router's noise is drawn again as it was, so loss and gradients stay the same."""
    network = tiny_network(f"experiment={experiment}")
    randomise(network)
    batch = make_batch(tasks)
    found = []
    for checkpointing in (False, True):
        network.encoder.activation_checkpointing = checkpointing
        network.zero_grad()
        torch.manual_seed(1)
        loss = total_loss(network, tasks, batch)
        loss.backward()
        gradients = {n: p.grad.clone() for n, p in network.named_parameters() if p.requires_grad}
        found.append({"loss": loss.detach(), **gradients})
    plain, checkpointed = found
    for name, value in plain.items():
        torch.testing.assert_close(checkpointed[name], value, rtol=1e-6, atol=1e-7)


def test_activation_checkpointing_recomputes(tiny_network, images):
    network = tiny_network("model.encoder.activation_checkpointing=true")
    runs = []
    experts_of(network, 0).router.register_forward_hook(lambda *_: runs.append(1))
    network(images).logits["edge"].sum().backward()
    assert len(runs) == 2


@every_experiment
@pytest.mark.parametrize("size", [(64, 96), (48, 16)])
def test_images_need_not_be_square(tiny_network, tasks, experiment, size):
    network = tiny_network(f"experiment={experiment}", f"data.image_size={list(size)}")
    batch = make_batch(tasks, count=2, size=size)
    total_loss(network, tasks, batch).backward()
    for name, task in tasks.items():
        assert network(batch.image_BCHW).logits[name].shape == (2, task.channels, *size)


def test_token_maps_have_rows_and_columns_where_images_have_them(tiny_network):
    """A map's cell (h, w) is the token of patch (h, w), counted along rows."""
    encoder = tiny_network("data.image_size=[64,96]", "experiment=mtl_vit").encoder
    encoder.blocks = torch.nn.ModuleList()
    tokens_L = torch.arange(1 + 4 * 6).float()
    encoder.embed = lambda *_: tokens_L[None, None, :, None]
    (map_TBDHW,), _ = encoder(None)
    assert torch.equal(map_TBDHW[0, 0, 0], tokens_L[1:].view(4, 6))


@every_experiment
def test_noise_in_training_only(tiny_network, images, experiment):
    network = tiny_network(f"experiment={experiment}")
    randomise(network)
    network.decoder.eval()
    a, b = (network(images).logits["edge"] for _ in range(2))
    assert torch.equal(a, b) == (experiment == "mtl_vit")
    network.eval()
    a, b = (network(images).logits["edge"] for _ in range(2))
    assert torch.equal(a, b)


@pytest.mark.parametrize("names", [["edge"], ["normals", "semseg"]])
def test_any_tasks(tiny_network, images, names):
    network = tiny_network(f"tasks=[{','.join(names)}]")
    assert sorted(network(images).logits) == sorted(names)


@every_experiment
def test_components_add_up(tiny_network, experiment):
    network = tiny_network(f"experiment={experiment}")
    counts = count_parameters(network)
    assert sum(c.total for c in counts.values()) == sum(p.numel() for p in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert sum(c.trainable for c in counts.values()) == trained
    heads = {f"head.{name}" for name in network.decoder.heads}
    rest = {"lora", "task_embedding", "routers", "experts"} if experiment in ROUTED else set()
    assert counts.keys() == {"backbone"} | heads | rest
