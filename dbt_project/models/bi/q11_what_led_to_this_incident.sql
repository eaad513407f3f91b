with

traced as (

    select
        incidents.item_key as incident,
        services.name as service,
        facts.severity,
        facts.opened_at,
        facts.resolved_at,
        facts.work_item_key,
        deployments.repository || ', ' || environments.name || ', '
        || cast(deployments.finished_at as varchar) as deployment,
        causes.method as how_known,
        causes.confidence,
        causes.is_primary,
        causes.is_counted,
        requests.item_key as change_request,
        coalesce(pulls.item_key, substr(changes.merge_commit_sha, 1, 12)) as change,
        changes.merged_at as change_merged_at,
        stories.item_key as story,
        links.method as story_how_known,
        epics.item_key as epic

    from {{ ref('fct_incidents') }} as facts

    inner join {{ ref('dim_work_items') }} as incidents
        on facts.work_item_key = incidents.work_item_key and incidents.is_current

    left join {{ ref('dim_services') }} as services
        on facts.service_key = services.service_key

    left join {{ ref('bridge_incident_deployments') }} as causes
        on facts.work_item_key = causes.work_item_key

    left join {{ ref('fct_deployments') }} as deployments
        on causes.deployment_key = deployments.deployment_key

    left join {{ ref('dim_environments') }} as environments
        on deployments.environment_key = environments.environment_key

    left join {{ ref('dim_work_items') }} as requests
        on deployments.change_request_key = requests.work_item_key and requests.is_current

    left join {{ ref('bridge_deployment_changes') }} as brought
        on causes.deployment_key = brought.deployment_key

    left join {{ ref('fct_changes') }} as changes
        on brought.change_key = changes.change_key

    left join {{ ref('dim_work_items') }} as pulls
        on changes.change_key = pulls.work_item_key and pulls.is_current

    left join {{ ref('bridge_work_item_links') }} as links
        on
            changes.change_key = links.from_key
            and links.link_type = 'implements'
            and links.valid_to is null

    left join {{ ref('dim_work_items') }} as stories
        on links.to_key = stories.work_item_key and stories.is_current

    left join {{ ref('dim_work_items') }} as epics
        on stories.parent_work_item_key = epics.work_item_key and epics.is_current

),

counts as (

    select
        work_item_key,
        count(*) as n

    from {{ ref('bridge_incident_deployments') }}

    group by 1

),

final as (

    select
        traced.incident,
        traced.service,
        traced.severity,
        traced.opened_at,
        traced.resolved_at,
        coalesce(counts.n, 0) as n,
        traced.deployment,
        traced.how_known,
        traced.confidence,
        traced.is_primary,
        traced.is_counted,
        traced.change_request,
        traced.change,
        traced.change_merged_at,
        traced.story,
        traced.story_how_known,
        traced.epic,
        coalesce(traced.epic, '?') || ' > ' || coalesce(traced.story, '?') || ' > '
        || coalesce(traced.change, '?') || ' > ' || coalesce(traced.deployment, '?') || ' > '
        || traced.incident as evidence_items

    from traced

    left join counts
        on traced.work_item_key = counts.work_item_key

)

select * from final
