-- One row per change that went to production and lacks a proof; the newest 1,000 of a value stream.
select
    services.value_stream_key as stream,
    cast(evidence.deployed_at as date) as deployed_date,
    services.name as service,
    coalesce(changes.item_key, 'no change is known') as change,
    changes.item_url as change_url,
    items.item_key,
    items.item_url,
    replace(evidence.review, '_', ' ') as review,
    replace(evidence.build, '_', ' ') as build,
    replace(evidence.approval, '_', ' ') as approval,
    replace(evidence.separation, '_', ' ') as separation
from metrics.metric_change_evidence as evidence
inner join marts.dim_services as services
    on evidence.service_key = services.service_key and services.is_current
left join items as changes on evidence.change_key = changes.work_item_key
left join items on evidence.work_item_key = items.work_item_key
where
    'no' in (
        evidence.item, evidence.review, evidence.build, evidence.approval, evidence.separation
    )
qualify
    row_number() over (
        partition by services.value_stream_key
        order by evidence.deployed_at desc, evidence.metric_change_evidence_key
    ) <= 1000
order by stream, evidence.deployed_at desc, change
