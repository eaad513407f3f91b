-- One row per value stream, range and question: what is proved of the changes that went to
-- production.
with answers as (
    unpivot (
        select
            services.value_stream_key as stream,
            ranges.range,
            evidence.item,
            evidence.review,
            evidence.build,
            evidence.approval,
            evidence.separation
        from metrics.metric_change_evidence as evidence
        inner join marts.dim_services as services
            on evidence.service_key = services.service_key and services.is_current
        inner join ranges
            on
                evidence.deployed_at >= ranges.window_start
                and evidence.deployed_at < ranges.window_end
    )
    on item, review, build, approval, separation into name question value answer
)

select
    stream,
    range,
    case question
        when 'item' then 'It implements a work item'
        when 'review' then 'Somebody else approved it before the merge'
        when 'build' then 'CI passed on what was deployed'
        when 'approval' then 'The deployment was approved before it began'
        else 'Author, approver and deployer are different'
    end as question,
    count(*) as changes_deployed,
    count(*) filter (where answer = 'yes') as proved,
    count(*) filter (where answer = 'no') as not_so,
    count(*) filter (where answer = 'not_known') as not_known,
    proved / changes_deployed as proved_share
from answers
group by all
order by stream, range, question
