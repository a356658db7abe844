from tests.unit.test_strategies_beam import *
from harness.models.loading import load
import pathlib
def test_real(tiny_dir):
    m=load({"factory":"harness.models.loading.hf","name":str(tiny_dir),"dtype":"float64"})
    net=m.network
    P=[tuple(range(20,25)),(40,),(50,60,70,80,90,100,30,30)]
    n=0
    for e in (m.eos, frozenset(range(5,60))):
        m.eos=e
        t=type("T",(),{"network":net,"eos":e})
        for w in (2,3,5):
            for lp in (.5,1.,2.):
                for es in (True,False,"never"):
                    k=dict(num_beams=w,length_penalty=lp,early_stopping=es)
                    theirs=[x for x,_ in generate(t,P,max_new_tokens=12,**k)]
                    got=run(m,requests(beam(**k),P,12))
                    assert [list(g.tokens) for g in got]==theirs; n+=1
        print(n,{g.finish for g in got})
